"""How statistics read: as a dict, as JSON, as text, as HTML."""
from __future__ import annotations
def to_dict(s): return {}
def to_json(s): return ""
def to_text(s): return repr(s.n_active)
def to_repr(s): return "Stats()"
def to_html(s): return ""
