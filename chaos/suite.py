"""Public: what a suite is written with. Users' files import from here; the code is in chaos/campaigns/."""

from chaos.campaigns.suite import Facet, Suite, SuiteError

__all__ = ["Facet", "Suite", "SuiteError"]
