# SPDX-License-Identifier: Apache-2.0
"""What _jem_script does, in Python alone, for interpreters that the extension was not built for.

Slower, and seen by whoever asks sys.gettrace(). Calls, returns and exceptions as they are raised, without their values
in scope and without whether they were caught; calls beyond the limit of a function are counted without their time.
"""
import _thread
import sys
from fnmatch import fnmatchcase
from posix import getpid, register_at_fork
from time import monotonic_ns

_PLAIN = (int, float, bool, type(None))
_state = {}


def _quoted(text, limit=512):
    out = []
    for char in text[:limit]:
        code = ord(char)
        if char in '"\\':
            out.append("\\" + char)
        elif code < 32 or code == 127 or 0xd800 <= code < 0xe000:
            out.append("\\u%04x" % code if code < 0x100 else "?")
        else:
            out.append(char)
    return '"%s%s"' % ("".join(out), "..." if len(text) > limit else "")


def _shown(value):
    """Exact built-in types only: every other __repr__ is somebody's code."""
    kind = type(value)
    if kind is int and value.bit_length() > 64:
        return "int of %d bits" % value.bit_length()
    if kind in _PLAIN:
        return repr(value)
    if kind is str:
        return value[:513]
    return "<%s>" % kind.__name__


def _send(text):
    state = _state
    if state["pid"] != getpid():
        _connect()
    if state["socket"] is None:
        return
    waiting = state["waiting"]
    if len(waiting) >= 1000:
        state["lost"] += 1
    else:
        if state["lost"]:
            waiting.append('{"lang":"python","event":"lost","t":%d,"pid":%d,"n":%d}'
                           % (monotonic_ns(), getpid(), state["lost"]))
            state["lost"] = 0
        waiting.append(text)
    try:
        while waiting:
            state["socket"].send("\n".join(waiting[:20]).encode("utf-8", "replace"), 0x4040)
            del waiting[:20]
    except BlockingIOError:
        pass
    except OSError:
        state["socket"] = None


def _connect():
    import _socket
    sys.modules.pop("_socket", None)
    _state.update(pid=getpid(), lost=0, waiting=[], socket=None)
    try:
        made = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        made.setblocking(False)
        made.connect(_state["address"])
        _state["socket"] = made
    except OSError:
        pass


def _record(event, frame, depth, line, more=""):
    code = frame.f_code
    _send('{"lang":"python","event":"%s","t":%d,"pid":%d,"tid":%d,"depth":%d,"line":%d,"file":%s,"function":%s%s}'
          % (event, monotonic_ns(), getpid(), _thread.get_native_id(), depth, line, _quoted(code.co_filename),
             _quoted(getattr(code, "co_qualname", code.co_name)), more))


def _depth(frame):
    depth = 0
    frame = frame.f_back
    while frame and depth < 1000:
        depth += bool(_place(frame)[0])
        frame = frame.f_back
    return depth


def _fits(patterns, code):
    name = code.co_filename
    return any(fnmatchcase(name, p) or fnmatchcase(name.rpartition("/")[2], p) or fnmatchcase(code.co_name, p)
               for p in patterns)


def _place(frame):
    """[followed, lines, calls recorded, calls counted, exceptions] of the code of a frame."""
    code = frame.f_code
    place = _state["places"].get(code)
    if place is None:
        name = code.co_filename
        followed = not _fits(_state["exclude"], code) and (
            _fits(_state["include"], code) if _state["include"] else
            not name.startswith(_state["library"]) and not name.startswith("<frozen ") and
            (name != "<string>" or frame.f_globals.get("__name__") == "__main__"))
        place = _state["places"][code] = [followed, _fits(_state["lines"], code), 0, 0, 0]
    return place


def _tell_counts():
    for code, place in list(_state["places"].items()):
        if place[3]:
            _send('{"lang":"python","event":"count","is_call":true,"t":%d,"pid":%d,"line":%d,"file":%s,"function":%s,"n":%d}'
                  % (monotonic_ns(), getpid(), code.co_firstlineno, _quoted(code.co_filename),
                     _quoted(getattr(code, "co_qualname", code.co_name)), place[3]))
            place[3] = 0


def _exception(frame, arg, depth):
    kind, value, trace = arg
    if kind in (StopIteration, StopAsyncIteration, GeneratorExit):
        return
    is_new = trace is None or trace.tb_next is None
    if not is_new:
        return
    place = _place(frame)
    place[4] += 1
    if _state["limit"] and place[4] > _state["limit"]:
        _state["lost"] += 1
        return
    args = BaseException.args.__get__(value) if isinstance(value, BaseException) else (value,)
    lines = []
    at = frame
    while at and len(lines) < 24:
        lines.append(_quoted('File "%s", line %d, in %s' % (at.f_code.co_filename, at.f_lineno or 0, at.f_code.co_name)))
        at = at.f_back
    _record("exception", frame, depth, frame.f_lineno or 0, ',"type":%s,"message":%s,"traceback":[%s]'
            % (_quoted(kind.__name__), _quoted(", ".join(_shown(a) for a in args)), ",".join(reversed(lines))))


def _follow(frame, event, arg):
    place = _place(frame)
    if not place[0]:
        return None
    if _state["limit"] and place[2] >= _state["limit"]:
        place[3] += 1
        is_recorded = False
    else:
        place[2] += 1
        is_recorded = True
    depth = _depth(frame)
    start = monotonic_ns()
    if is_recorded:
        _record("call", frame, depth, frame.f_code.co_firstlineno)
    frame.f_trace_lines = place[1]

    def within(frame, event, arg):
        if event == "exception":
            _exception(frame, arg, depth)
        elif event == "line":
            _record("line", frame, depth, frame.f_lineno or 0)
        elif event == "return" and is_recorded:
            _record("return", frame, depth, frame.f_lineno or 0, ',"duration_ns":%d' % (monotonic_ns() - start))
        return within
    return within


def start(socket, include, exclude, lines, limit, library):
    def split(text):
        return tuple(p for p in (text or "").split(",") if p)

    address = socket if not socket.startswith("@") else "\0" + socket[1:]
    _state.update(address=address, include=split(include), exclude=split(exclude), lines=split(lines), limit=limit,
                  library=tuple(folder + "/" for folder in library), places={})
    _connect()
    if _state["socket"] is None:
        return False
    register_at_fork(after_in_child=_connect)
    begin_thread = _thread.start_new_thread

    def start_new_thread(function, args, *more):
        def run(*args, **keywords):
            sys.settrace(_follow)
            return function(*args, **keywords)
        return begin_thread(run, args, *more)
    _thread.start_new_thread = start_new_thread
    import atexit
    atexit.register(_tell_counts)
    return True


def begin():
    sys.settrace(_follow)
