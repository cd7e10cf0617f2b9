"""What operators see and do: metrics, inspection, ending connections, draining, on an address that the settings name.

Nothing here is imported where the setting `admin` is empty. It knows the gateway; the gateway does not know it.
"""

from __future__ import annotations
