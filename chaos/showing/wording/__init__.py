"""The same names in every text: trace.log, the story of a failure, timeline.html, exports and explain.

``places`` names threads, hosts, disks, bdevs and blocks. ``steps`` has a text for each kind of step, ``rpcs`` for each RPC,
``events`` for each event of the engine. ``bars`` has a label for each request. ``phrases`` has the small parts of sentences.
``words`` puts them together for one run. Its parameters are the labels of hosts and disks, and the style.
"""
