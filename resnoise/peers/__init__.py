"""What users would otherwise simulate with, timed beside this package in one run.

`resnoise bench-peers` writes the tables; the peers come with `pip install 'resnoise[peers]'`. A new
peer is one file here and one line in `contestants.py`.
"""

from resnoise.peers.contestants import Contestant, contestants
from resnoise.peers.document import speed_document
from resnoise.peers.measure import PARTS, Settings
from resnoise.peers.results import measure_speed

__all__ = ["PARTS", "Contestant", "Settings", "contestants", "measure_speed", "speed_document"]
