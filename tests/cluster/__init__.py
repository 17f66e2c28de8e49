"""A real one-node Kubernetes on a plain Linux machine, for `make up`: no Docker, no registry.

The node is a container of its own making: one process that is PID 1 of new PID, network, mount and cgroup
namespaces (`node_init.py`). When it ends, however that is, the kernel ends everything inside as well, so that
neither a clean `make down` nor a SIGKILL leaves processes, mounts or packet filter rules on the host.
"""
