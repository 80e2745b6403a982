"""Sends what PagerDuty's own Python library sends, to any server: trigger, acknowledge, resolve.

    pagerduty.py http://127.0.0.1:8080 ROUTING_KEY trigger|acknowledge|resolve DEDUP_KEY

Prints the dedup key that the server answered. The library (PyPI pdpyras) raises an error, and this ends with 1, when the
answer is not the one that PagerDuty gives.
"""

import sys
import warnings

with warnings.catch_warnings():
    # It says on import that it has a successor; the successor speaks https only.
    warnings.simplefilter("ignore")
    import pdpyras


def main() -> None:
    address, routing_key, action, dedup_key = sys.argv[1:]
    session = pdpyras.EventsAPISession(routing_key)
    session.url = address.rstrip("/")
    session.trust_env = False
    if action == "trigger":
        print(session.trigger("payments-api does not answer", "probe-7", dedup_key=dedup_key, severity="critical"))
    elif action == "acknowledge":
        print(session.acknowledge(dedup_key))
    elif action == "resolve":
        print(session.resolve(dedup_key))
    else:
        sys.exit(__doc__)


main()
