"""The review page and its HTTP API: doors to `iddkit.qc`, which knows the rules.

>>> from iddkit.qc.store.database import open_store
>>> from iddkit.web.app import create_app
>>> app = create_app(open_store("qc.db"))                       # doctest: +SKIP
"""
