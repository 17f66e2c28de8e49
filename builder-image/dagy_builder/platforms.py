"""Platforms of packages: the one place for Python versions, the modules that each brings, and CPUs.

Standard library only. `interpreters.py` and the Dockerfile beside it repeat the versions; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

PythonVersion = Literal["3.10", "3.11", "3.12", "3.13"]
"""Minor version of CPython."""
PYTHON_VERSIONS: tuple[PythonVersion, ...] = get_args(PythonVersion)

Architecture = Literal["amd64", "arm64"]
"""CPU in the words of Go, and so of Kubernetes."""
MACHINES: Mapping[str, str] = {"amd64": "x86_64", "arm64": "aarch64"}
"""The same CPUs in the words of Linux, and so of wheels' tags (PEP 600) and environment markers (PEP 508)."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# sys.stdlib_module_names without what only other systems have; a test compares it with the interpreters themselves.
_IN_ALL = _names(
    """
    __future__ _abc _aix_support _ast _asyncio _bisect _blake2 _bz2 _codecs _codecs_cn _codecs_hk
    _codecs_iso2022 _codecs_jp _codecs_kr _codecs_tw _collections _collections_abc _compat_pickle _compression
    _contextvars _csv _ctypes _curses _curses_panel _datetime _dbm _decimal _elementtree _frozen_importlib
    _frozen_importlib_external _functools _gdbm _hashlib _heapq _imp _io _json _locale _lsprof _lzma _markupbase
    _md5 _multibytecodec _multiprocessing _opcode _operator _osx_support _pickle _posixshmem _posixsubprocess
    _py_abc _pydecimal _pyio _queue _random _sha1 _sha3 _signal _sitebuiltins _socket _sqlite3 _sre _ssl _stat
    _statistics _string _strptime _struct _symtable _thread _threading_local _tkinter _tracemalloc _uuid
    _warnings _weakref _weakrefset _zoneinfo abc antigravity argparse array ast asyncio atexit base64 bdb
    binascii bisect builtins bz2 cProfile calendar cmath cmd code codecs codeop collections colorsys compileall
    concurrent configparser contextlib contextvars copy copyreg csv ctypes curses dataclasses datetime dbm
    decimal difflib dis doctest email encodings ensurepip enum errno faulthandler fcntl filecmp fileinput
    fnmatch fractions ftplib functools gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib
    heapq hmac html http idlelib imaplib importlib inspect io ipaddress itertools json keyword linecache locale
    logging lzma mailbox marshal math mimetypes mmap modulefinder multiprocessing netrc ntpath nturl2path
    numbers opcode operator optparse os pathlib pdb pickle pickletools pkgutil platform plistlib poplib posix
    posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re
    readline reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex shutil signal site
    smtplib socket socketserver sqlite3 sre_compile sre_constants sre_parse ssl stat statistics string
    stringprep struct subprocess symtable sys sysconfig syslog tabnanny tarfile tempfile termios textwrap this
    threading time timeit tkinter token tokenize trace traceback tracemalloc tty turtle turtledemo types typing
    unicodedata unittest urllib uuid venv warnings wave weakref webbrowser wsgiref xml xmlrpc zipapp zipfile
    zipimport zlib zoneinfo
    """
)
_GONE_IN_3_12 = _names(
    """
    _bootsubprocess _sha256 _sha512 asynchat asyncore distutils imp smtpd
    """
)
_GONE_IN_3_13 = _names(
    """
    _crypt aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap msilib nis nntplib ossaudiodev pipes sndhdr
    spwd sunau telnetlib uu xdrlib
    """
)
_NEW_IN_3_11 = frozenset(["_tokenize", "_typing", "tomllib"])
_NEW_IN_3_12 = frozenset(["_pydatetime", "_pylong", "_sha2"])
_NEW_IN_3_13 = _names(
    """
    _android_support _colorize _interpchannels _interpqueues _interpreters _ios_support _opcode_metadata _pyrepl
    _suggestions _sysconfig
    """
)
STANDARD_LIBRARY: Mapping[str, frozenset[str]] = {
    "3.10": _IN_ALL | _GONE_IN_3_12 | _GONE_IN_3_13 | {"binhex"},
    "3.11": _IN_ALL | _GONE_IN_3_12 | _GONE_IN_3_13 | _NEW_IN_3_11,
    "3.12": _IN_ALL | _GONE_IN_3_13 | _NEW_IN_3_11 | _NEW_IN_3_12,
    "3.13": _IN_ALL | _NEW_IN_3_11 | _NEW_IN_3_12 | _NEW_IN_3_13,
}
"""Names by minor version of Python."""

# "What's New in Python" of each version.
SINCE: Mapping[str, str] = {
    "importlib": "3.1",
    "argparse": "3.2",
    "concurrent": "3.2",
    "faulthandler": "3.3",
    "ipaddress": "3.3",
    "lzma": "3.3",
    "venv": "3.3",
    "asyncio": "3.4",
    "ensurepip": "3.4",
    "enum": "3.4",
    "pathlib": "3.4",
    "selectors": "3.4",
    "statistics": "3.4",
    "tracemalloc": "3.4",
    "typing": "3.5",
    "zipapp": "3.5",
    "secrets": "3.6",
    "contextvars": "3.7",
    "dataclasses": "3.7",
    "graphlib": "3.9",
    "zoneinfo": "3.9",
    "tomllib": "3.11",
}
"""The version that brought a module, where that was not there from the start of Python 3."""
