# SPDX-License-Identifier: Apache-2.0
"""Python scripts with one awkward feature each; they must run with and without being followed alike."""

SCRIPTS = {}


def script(name, text):
    SCRIPTS[name] = text.lstrip("\n")


script("excepthook", "import sys\nsys.excepthook = lambda t, v, b: print('hook', t, v)\nraise ValueError(3)\n")
script("unhandled", "def f(n):\n    return f(n - 1) if n else 1 / 0\nf(5)\n")
script("chained", "try:\n    {}['a']\nexcept KeyError as e:\n    raise OSError(2, 'no', 'x') from e\n")
script("exit_in_finally", "import sys\ntry:\n    1 / 0\nfinally:\n    sys.exit(5)\n")
script("exit_text", "import sys\nsys.exit('the end')\n")
script("os_exit", "import os, sys\nprint('x')\nsys.stdout.flush()\nos._exit(9)\n")
script("os_exit_refused", "import os\ntry:\n    os._exit('x')\nexcept TypeError as e:\n    print(e)\n")
script("kill_self", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
script("recursion_limit", """
def f(n):
    return f(n + 1)
try:
    f(0)
except RecursionError as e:
    print(e)
""")
script("generators", """
def g():
    try:
        x = yield 1
        print('got', x)
        yield from [2, 3]
    finally:
        print('closed')
i = g(); print(next(i), i.send('s'), next(i)); i.close()
j = g(); next(j)
try:
    j.throw(KeyError('in'))
except KeyError as e:
    print(e)
""")
script("asyncio", """
import asyncio
async def agen():
    for i in range(3):
        yield i
        await asyncio.sleep(0)
async def fails():
    raise LookupError('async')
async def main():
    print([x async for x in agen()])
    print(await asyncio.gather(fails(), asyncio.sleep(0, 7), return_exceptions=True))
asyncio.run(main())
""")
script("threads", """
import threading
def f(n, into):
    into.append(sum(range(n)))
into = []
ts = [threading.Thread(target=f, args=(i, into)) for i in range(20)]
[t.start() for t in ts]; [t.join() for t in ts]
print(sorted(into))
""")
script("thread_fails", """
import threading
t = threading.Thread(target=lambda: 1 / 0, name='T'); t.start(); t.join()
print(t.is_alive())
""")
script("raw_thread_fails", """
import _thread, time
lock = _thread.allocate_lock(); lock.acquire()
class C:
    def __repr__(self):
        return 'my C'
    def __call__(self, *a, **k):
        try:
            raise OSError('raw')
        finally:
            lock.release()
_thread.start_new_thread(C(), (1,), {'k': 2}); lock.acquire()
import gc
for _ in range(200):
    if _thread._count() == 0:
        break
    time.sleep(0.01)
""")
script("thread_refused", """
import _thread
for args in ((), (1, ()), (print, 1), (print, (), 1)):
    try:
        _thread.start_new_thread(*args)
    except TypeError as e:
        print(e)
""")
script("daemon_thread", """
import threading, time
threading.Thread(target=lambda: time.sleep(100), daemon=True).start()
print('done')
""")
script("fork", """
import os
pid = os.fork()
if pid == 0:
    def child(): return 3
    os._exit(child())
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if hasattr(os, 'waitstatus_to_exitcode') else os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
""")
for method in ("fork", "spawn", "forkserver"):
    script("multiprocessing_" + method, """
import multiprocessing as m
def f(x):
    if x == 3:
        raise ValueError('three')
    return x * x
if __name__ == '__main__':
    m.set_start_method('%s')
    with m.Pool(2) as pool:
        print(pool.map(f, [1, 2]))
        try:
            pool.map(f, [3])
        except ValueError as e:
            print(e)
""" % method)
script("exec", "import os, sys\nprint('a', flush=True)\nos.execv(sys.executable, [sys.executable, '-c', 'print(\"b\")'])\n")
script("subprocess", "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'raise SystemExit(4)']).returncode)\n")
script("closes_all", "import os\nos.closerange(3, 4096)\ndef f(): return 1\nf()\nprint(os.open('/dev/null', 0))\nf()\n")
script("lowest_descriptor", "f = open('/dev/null')\nprint(f.fileno())\n")
script("own_file_at_every_number", """
import os
a = os.open('out', os.O_CREAT | os.O_WRONLY)
for n in range(3, 1100):
    try:
        os.dup2(a, n)
    except OSError:
        break
def f(): return 1
f()
os.write(a, b'mine')
print(os.stat('out').st_size)
""")
script("sys_path", "import sys\nprint(sys.path[1:], 'sitecustomize' in sys.modules, [m for m in sys.modules if 'jem' in m])\n")
script("gettrace", "import sys\nprint(sys.gettrace(), sys.getprofile())\n")
script("own_trace", """
import sys
seen = []
def trace(frame, event, arg):
    seen.append((event, frame.f_lineno)); return trace
def f():
    x = 1
    return x
sys.settrace(trace); f(); sys.settrace(None); f(); print(seen)
""")
script("trace_in_running_frames", """
import sys
seen = []
def trace(frame, event, arg):
    seen.append((event, frame.f_lineno)); return trace
def gen():
    x = 1
    yield x
    y = 2
    yield y
g = gen()
def f():
    next(g)
    sys._getframe().f_trace = trace
    sys.settrace(trace)
    a = 1
    next(g)
    sys.settrace(None)
f()
print(seen)
""")
script("own_profile", """
import sys
seen = []
def f(): return len('a')
sys.setprofile(lambda fr, ev, a: seen.append(ev)); f(); sys.setprofile(None); f(); print(seen)
""")
script("cprofile", "import cProfile\np = cProfile.Profile()\np.enable(); sorted([3, 1]); p.disable()\nprint(len(p.getstats()) > 0)\n")
script("bad_repr", """
class Bad:
    def __repr__(self): print('repr called'); return 'x'
    def __str__(self): print('str called'); return 'x'
    def __getattr__(self, n): print('getattr', n); raise AttributeError(n)
    def __eq__(self, o): print('eq called'); return False
    def __hash__(self): print('hash called'); return 1
    def __len__(self): print('len called'); return 1
class E(Exception):
    def __str__(self): print('E str called'); return 'e'
def f(a, b=Bad()):
    c = [a, {1: b}]
    try:
        raise E(a, b)
    except E:
        return c
f(Bad())
""")
script("locals_kept", """
def f():
    x = 1
    d = locals()
    d['x'] = 9; d['y'] = 8
    g()
    try:
        1 / 0
    except ZeroDivisionError:
        pass
    return sorted(d.items(), key=str)
def g(): pass
print(f())
""")
script("weakrefs", """
import weakref
class C: pass
def f(c): raise KeyError('gone')
c = C(); w = weakref.ref(c)
try:
    f(c)
except KeyError:
    pass
del c
print(w())
""")
script("code_dies", """
import weakref
for i in range(300):
    n = {}
    exec('def f(): return %d' % i, n); n['f']()
w = weakref.ref(n['f'].__code__); n.clear()
print(w())
""")
script("surrogates", "def f(x): raise ValueError(x)\ntry:\n    f('\\udc80\\x00\\U0001f600')\nexcept ValueError as e:\n    print(ascii(e))\n")
script("huge", "def f(*a, **k): return 10 ** 5000\nf('x' * 10 ** 6, list(range(10 ** 5)), {i: i for i in range(1000)}, z=b'\\xff' * 10 ** 5)\nprint('ok')\n")
script("self_containing", "def f(l): return l\nl = []\nl.append(l)\nf(l); d = {}; d['d'] = d; f(d); print('ok')\n")
script("metaclass", """
class M(type):
    def __getattribute__(cls, n): return type.__getattribute__(cls, n)
    @property
    def __name__(cls): print('name asked'); return 'N'
class C(metaclass=M): pass
class X(Exception, metaclass=M): pass
def f(c):
    try:
        raise X(c)
    except X as e:
        return e.args[0]
print(type(f(C())) is C)
""")
script("del_raises", "class C:\n    def __del__(self): raise ValueError('del')\ndef f(): C()\nf()\n")
script("stdin", "import sys\nprint(sys.stdin.read())\n")
script("atexit", "import atexit, sys\natexit.register(print, 'bye')\natexit.register(lambda: 1 / 0)\nsys.exit(3)\n")
script("signal_handler", """
import os, signal
def on(n, frame): print('signal', n, frame.f_code.co_name); raise InterruptedError('by signal')
signal.signal(signal.SIGUSR1, on)
def f(): os.kill(os.getpid(), signal.SIGUSR1); [0 for _ in range(10)]
try:
    f()
except InterruptedError as e:
    print(e)
""")
script("keyboard_interrupt", "import os, signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\nos.kill(os.getpid(), signal.SIGINT)\n")
script("contextlib", """
import contextlib
@contextlib.contextmanager
def c():
    try:
        yield
    except KeyError as e:
        print('swallowed', e)
with c(): {}['k']
with contextlib.suppress(ValueError): int('x')
""")
script("import_fails", "try:\n    import no_such_module\nexcept ImportError as e:\n    print(e.name)\nimport also_not\n")
script("syntax_error", "def f(:\n")
script("warnings", "import warnings\ndef f(): warnings.warn('careful', stacklevel=2)\nf()\n")
script("dataclass", "import dataclasses\n@dataclasses.dataclass(order=True)\nclass D:\n    a: int\n    b: str = 'x'\nprint(D(1), D(1) < D(2))\n")
script("frame_walk", """
import sys, traceback
def f():
    g = sys._getframe()
    names = []
    while g:
        names.append(g.f_code.co_name); g = g.f_back
    print(names); traceback.print_stack()
f()
""")
script("pickled_function", "import pickle, _thread, os\nprint(pickle.dumps(len) and pickle.loads(pickle.dumps(_thread.start_new_thread)) is _thread.start_new_thread)\nprint(_thread.start_new_thread.__name__, os._exit.__name__, os._exit.__module__, os._exit.__doc__[:10])\n")
script("pdb", "import pdb, io\ndef f():\n    x = 1\n    return x\npdb.Pdb(stdin=io.StringIO('s\\ns\\nn\\np x\\nc\\n')).runcall(f)\n")
script("files", "open('a', 'w').write('b')\nimport os\nos.mkdir('d')\nopen('d/c', 'wb').write(b'\\x00')\n")
script("rlimit", "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))\nfs = []\ntry:\n    while True:\n        fs.append(open('/dev/null'))\nexcept OSError as e:\n    print(e.errno)\n")
script("getrefcount", "import sys\ndef f(x): return sys.getrefcount(x)\no = object()\nprint(f(o))\n")
