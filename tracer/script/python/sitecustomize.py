# SPDX-License-Identifier: Apache-2.0
"""Follows the Python code of a job, then gives way to the sitecustomize that the user would have without it.

Python imports this at its start from a folder that `jem run --scripts` puts first in PYTHONPATH. Nothing of it stays
to be seen: neither the folder in sys.path nor a module of ours. Whatever fails here, the job goes on unfollowed.
"""
import sys


def _jem_follow(folder):
    from os import environ

    socket = environ.get("JEM_SCRIPTS_SOCKET")
    if not socket:
        return None
    prefixes = {sys.base_prefix, sys.prefix, sys.base_exec_prefix, sys.exec_prefix}
    version = "python%d.%d" % sys.version_info[:2]
    library = [folder]
    for prefix in prefixes:
        library += ["%s/lib/%s" % (prefix, version), "%s/lib/python3/dist-packages" % prefix]
    limit = environ.get("JEM_SCRIPTS_PLACE", "")
    settings = (socket, environ.get("JEM_SCRIPTS_INCLUDE"), environ.get("JEM_SCRIPTS_EXCLUDE"),
                environ.get("JEM_SCRIPTS_LINES"), int(limit) if limit.isdigit() else 100, tuple(library[:7]))
    try:
        import _jem_script as follower
    except ImportError:
        import _jem_script_plain as follower
    sys.modules.pop(follower.__name__, None)
    return follower.begin if follower.start(*settings) else None


def _jem_enter():
    folder = __file__.rpartition("/")[0]
    begin = None
    try:
        begin = _jem_follow(folder)
    except Exception:
        pass
    sys.path[:] = [path for path in sys.path if path != folder]
    sys.path_importer_cache.pop(folder, None)
    sys.modules.pop("sitecustomize", None)
    return begin


_jem_begin = _jem_enter()
if _jem_begin:
    _jem_begin()
# As without us: what it raises, or that there is none, is for Python's own start to deal with.
import sitecustomize  # noqa: E402,F401
