"""Signs a request as Slack does, by Slack's own library (PyPI slack-sdk).

    slack_sign.py SIGNING_SECRET TIMESTAMP < BODY

Prints the value of X-Slack-Signature.
"""

import sys

from slack_sdk.signature import SignatureVerifier

secret, timestamp = sys.argv[1:]
body = sys.stdin.buffer.read().decode("utf-8")
print(SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body))
