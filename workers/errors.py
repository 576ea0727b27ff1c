"""Numbers that engine functions return, as SPDK returns them: 0 or a negative errno."""

OK = 0
EPERM = -1
EIO = -5
EBUSY = -16
EEXIST = -17
ENODEV = -19
EINVAL = -22
