"""The solvers: `table.py` lists them, `certified.py` is the way to call one."""
