"""One name for one thing in every text: trace.log, the story of a failure, timeline.html, exports and explain.

``places`` names threads, hosts, disks, bdevs and blocks; ``steps`` has a text for each kind of step, ``rpcs`` for each RPC, ``events`` for each
event of the engine, ``bars`` a label for each request; ``phrases`` are the small parts of sentences. ``words`` puts them
together for one run, with two parameters: the labels that people know hosts and disks by, and how exact the text is.
"""
