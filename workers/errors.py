"""The numbers that engine functions return, as in SPDK: 0 or a negative errno. And the exceptions they may raise."""

OK = 0
EPERM = -1
ENOENT = -2
EIO = -5
EBUSY = -16
EEXIST = -17
ENOMEM = -12
ENODEV = -19
EINVAL = -22
EALREADY = -114

# Code from outside, and the engine, may raise any of these; KeyboardInterrupt belongs to the user.
ANYTHING_RAISED = (Exception, SystemExit)
