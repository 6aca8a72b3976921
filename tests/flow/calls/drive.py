# SPDX-License-Identifier: Apache-2.0
"""drive: runs programs of the corpus one after the other and keeps what each did.

    drive.py FOLDER DEATH SAFETY NAME...

FOLDER/NAME.out, .err and .end: its standard output, standard error, and how it ended. As a job of
jem it hands on its environment, so that each program is traced.
"""
import os
import resource
import subprocess
import sys


def main():
    folder, death, safety, *names = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in names:
        base = os.path.join(folder, name)
        with open(f"{base}.out", "wb") as out, open(f"{base}.err", "wb") as err:
            done = subprocess.run([death, f"{base}.end", safety, name], stdin=subprocess.DEVNULL,
                                  stdout=out, stderr=err, cwd=folder, check=False)
        if done.returncode:
            sys.exit(f"the watcher of {name} ended with {done.returncode}")


main()
