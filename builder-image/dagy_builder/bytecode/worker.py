"""The compiler's own process: sources come in on standard input, their bytecode goes out on standard output.

The target's interpreter (CPython 3.10 to 3.13) runs this file, which imports little, because it starts for each chunk
of sources. Before the first source comes it gives up everything but memory and those two descriptors: sources are
strangers', and a compiler has bugs. Requests and answers are in `dagy_builder.bytecode.process`.

What `marshal` writes depends on more than the code. A reference is marked where the object has other owners, which may
be anybody in the process: here every object has another owner. A character counts as interned when anybody has interned
it: here all are. The name of a class is interned as that one object only if nobody had interned it before: where one
was not, the source is compiled once more. Sets are written in the order of hashes (3.10): that is fixed, and what it
does not decide is refused. So the bytes are a function of the source, its path and the interpreter.
"""

import _imp
import marshal
import posix
import resource
import struct
import sys
from _frozen_importlib_external import MAGIC_NUMBER

_SIZES = struct.Struct(">II")  # of the path, of the source
_ANSWER = struct.Struct(">BI")  # whether it went well, and the size of what follows
_UNCHECKED_HASH = (1).to_bytes(4, "little")  # PEP 552: trusted as it is, whatever the times of files
_MOST_WORDS = 200
_MOST_DEPTH = 50

# seccomp(2) and the system calls that memory, the two descriptors and the end of a process take, by machine.
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_ALLOWED = {
    # read write mmap munmap brk rt_sigreturn mremap madvise exit futex exit_group
    "x86_64": (0, 1, 9, 11, 12, 15, 25, 28, 60, 202, 231),
    "aarch64": (63, 64, 222, 215, 214, 139, 216, 233, 93, 98, 94),
}
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF, of linux/filter.h
_REFUSE, _ALLOW = 0x00050001, 0x7FFF0000  # with EPERM; linux/seccomp.h
_NUMBER_AT, _ARCH_AT = 0, 4
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _FILTER = 22, 38, 2  # prctl(2)

_Code = type(compile("", "", "exec"))
_CHARACTERS = [sys.intern(chr(number)) for number in range(256)]


def main() -> None:
    """Tell the interpreter and whether this process is confined; then answer requests until there are no more."""
    confined = _confine(memory_bytes=int(sys.argv[1]), cpu_seconds=int(sys.argv[2]))
    _answer(confined, f"{sys.implementation.cache_tag} {sys.version}".encode())
    while True:
        sizes = _read(_SIZES.size)
        if len(sizes) < _SIZES.size:
            return
        path_size, source_size = _SIZES.unpack(sizes)
        path = _read(path_size).decode()
        source = _read(source_size)
        try:
            data = _compiled(source, path)
        except Exception as error:
            _answer(False, f"{type(error).__name__}: {error}"[:_MOST_WORDS].encode(errors="replace"))
        else:
            _answer(True, data)


def _compiled(source: bytes, path: str) -> bytes:
    """Return the content of the .pyc file. Raises whatever the compiler does."""
    first = code = compile(source, path, "exec", dont_inherit=True)
    owned = _owners_of_all(first)
    if any(_interned_its_name(one) for one in owned if type(one) is _Code):
        code = compile(source, path, "exec", dont_inherit=True)
        owned += _owners_of_all(code)
    digest = _imp.source_hash(int.from_bytes(MAGIC_NUMBER, "little"), source)
    data = MAGIC_NUMBER + _UNCHECKED_HASH + digest + marshal.dumps(code)
    del owned
    return data


def _owners_of_all(code: object) -> list[object]:
    """Return a list that owns each object that marshal meets in the code and that others may own, too."""
    owned: list[object] = []
    waiting: list[object] = [code]
    while waiting:
        one = waiting.pop()
        owned.append(one)
        if type(one) is _Code:
            owned += (one.co_names, one.co_varnames, one.co_cellvars, one.co_freevars, one.co_consts)
            owned += one.co_names + one.co_varnames + one.co_cellvars + one.co_freevars
            owned += (one.co_filename, one.co_name, getattr(one, "co_qualname", None))
            waiting += one.co_consts
        elif type(one) is tuple:
            waiting += one
        elif type(one) is frozenset:
            if sys.version_info < (3, 11) and _hashed_by_address(one, _MOST_DEPTH):
                raise ValueError("a set's order depends on the machine")
            waiting += one
    return owned


def _interned_its_name(code: object) -> bool:
    """Return True when the constant that names a class is the interned string of that name."""
    name = getattr(code, "co_qualname", "")
    return not name.isidentifier() and any(one is name for one in getattr(code, "co_consts", ()))


def _hashed_by_address(value: object, depth: int) -> bool:
    """Return True when the hash of a constant depends on where objects lie in memory."""
    if isinstance(value, tuple | frozenset):
        return not depth or any(_hashed_by_address(one, depth - 1) for one in value)
    return value is None or value is ... or value != value  # noqa: PLR0124 not a number


def _read(size: int) -> bytes:
    """Return that many bytes, or fewer at the end."""
    blocks = []
    while size and (block := posix.read(0, size)):
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)


def _answer(good: bool, data: bytes) -> None:
    left = memoryview(_ANSWER.pack(good, len(data)) + data)
    while left:
        left = left[posix.write(1, left) :]


def _confine(*, memory_bytes: int, cpu_seconds: int) -> bool:
    """Give up what a compiler does not need. Return True when the kernel refuses all of it from now on."""
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, memory_bytes),
    ):
        resource.setrlimit(what, (most, most))
    machine = posix.uname().machine
    return machine in _ALLOWED and _filter_calls(_AUDIT_ARCH[machine], _ALLOWED[machine])


def _filter_calls(arch: int, allowed: tuple[int, ...]) -> bool:
    """Let the kernel refuse every system call but those: seccomp(2) with a filter. Return False when it can't."""
    try:
        import ctypes
    except ImportError:  # an interpreter that was built without libffi
        return False
    steps = [(_LOAD, 0, 0, _ARCH_AT), (_EQUAL, 0, len(allowed) + 1, arch), (_LOAD, 0, 0, _NUMBER_AT)]
    steps += [(_EQUAL, len(allowed) - at, 0, number) for at, number in enumerate(allowed)]
    steps += [(_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    head = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(program)))
    prctl = ctypes.CDLL(None).prctl
    prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    return bool(
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        and prctl(_PR_SET_SECCOMP, _FILTER, ctypes.addressof(head), 0, 0) == 0
    )


if __name__ == "__main__":
    main()
