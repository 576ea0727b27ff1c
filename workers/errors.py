"""Numbers that engine functions return, as SPDK returns them: 0 or a negative errno. And what may be raised."""

OK = 0
EPERM = -1
EIO = -5
EBUSY = -16
EEXIST = -17
ENOMEM = -12
ENODEV = -19
EINVAL = -22

# What code from outside, or the engine, may raise; KeyboardInterrupt is the user's own.
ANYTHING_RAISED = (Exception, SystemExit)
