#!/bin/sh
# Prints the interpreter that .venv is made from: $PYTHON if given, else the one that an existing .venv was made from,
# else the first on PATH that works.
set -eu

# A candidate answers with the interpreter below any virtual environment that is active, or fails.
# The modules are those that a minimal or half-built Python lacks.
probe='
import bz2, ctypes, os, platform, sqlite3, ssl, sys, sysconfig, urllib.request, zipfile, zlib
good = (3, 10) <= sys.version_info[:2] < (3, 14) and platform.python_implementation() == "CPython"
if not good or sysconfig.get_config_var("Py_GIL_DISABLED"):
    sys.exit(1)
base = os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2])
print(base if os.access(base, os.X_OK) else sys.executable)
'

try() {
    "$1" -c "$probe" 2>/dev/null
}

if [ -n "${PYTHON:-}" ]; then
    try "$PYTHON" && exit 0
    echo "setup: PYTHON=$PYTHON is not a working CPython 3.10 to 3.13 with ssl, sqlite3 and ctypes" >&2
    exit 2
fi

if [ -x .venv/bin/python ] && try .venv/bin/python; then
    exit 0
fi

IFS=:
for name in python3.11 python3.12 python3.13 python3.10 python3 python; do
    for folder in $PATH; do
        # A version manager's shim may stand for a Python that is not there: only running it tells.
        if [ -x "$folder/$name" ] && try "$folder/$name"; then
            exit 0
        fi
    done
done
echo "setup: no Python 3.10 to 3.13 on PATH: install one, or name it with make PYTHON=/path/to/python3.11" >&2
exit 2
