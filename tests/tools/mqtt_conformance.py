"""Runs Eclipse Paho's interoperability tests against a broker, as far as it claims to support them.

    mqtt_conformance.py SUITE VERSION PORT USER PASSWORD TOPIC...

SUITE is a checkout of paho.mqtt.testing, VERSION 3 or 5. At least three TOPICs are such that USER may
publish and subscribe to them; the suite's own are not, since a client publishes by who it is. Prints
a line for every test of the suite; ends with 1 where one failed or is not known here.
"""

import importlib
import io
import sys
import unittest
from contextlib import redirect_stderr, redirect_stdout

QOS2 = "QoS 2 is not supported, as the broker says (MQTT 5: Maximum QoS 1)"
RETAIN = "nothing is retained, as the broker says (MQTT 5: Retain Available 0)"
SESSION = "sessions end with their connection, as the broker says (MQTT 5: Session Expiry 0)"
WILL = "there are no wills: nobody else could publish them"
PREFIX = "topics are those of meters, so no filter may begin with a wildcard"

# Why a test of the suite does not apply.
NOT_APPLICABLE = {
    3: {
        "testBasic": QOS2,
        "test_retained_messages": RETAIN,
        "test_offline_message_queueing": SESSION,
        "test_overlapping_subscriptions": QOS2,
        "test_keepalive": WILL + ", and the test sees the end of a line by one",
        "test_redelivery_on_reconnect": SESSION,
        "test_dollar_topics": PREFIX,
    },
    5: {
        "test_basic": QOS2,
        "test_retained_message": RETAIN,
        "test_will_message": WILL,
        "test_offline_message_queueing": SESSION,
        "test_overlapping_subscriptions": QOS2,
        "test_keepalive": WILL + ", and the test sees the end of a line by one",
        "test_redelivery_on_reconnect": SESSION,
        "test_subscribe_failure": "it wants 0x80; the broker says 0x87, not authorized, which tells more",
        "test_dollar_topics": PREFIX,
        "test_session_expiry": SESSION,
        "test_user_properties": QOS2,
        "test_payload_format": QOS2,
        "test_publication_expiry": SESSION,
        "test_subscribe_options": RETAIN,
        "test_subscribe_identifiers": "the broker says that it has none (Subscription Identifiers 0)",
        "test_server_topic_alias": "the server uses none, as it may",
        "test_maximum_packet_size": "topics of meters alone are longer than the 64 bytes it allows",
        "test_flow_control2": QOS2,
        "test_will_delay": WILL,
        "test_shared_subscriptions": "the broker says that it has none (Shared Subscriptions 0)",
    },
}


def main():
    suite, version, port, user, password, *topics = sys.argv[1:]
    version = int(version)
    sys.path.insert(0, suite + "/interoperability")
    tests = importlib.import_module("client_test" if version == 3 else "client_test5")

    def set_data():
        tests.host, tests.port = "127.0.0.1", int(port)
        tests.topics, tests.nosubscribe_topics = topics, ("test/nosubscribe",)
        tests.wildtopics = ["TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#"]

    set_data()
    tests.setData = set_data
    connect = tests.mqtt_client.Client.connect

    def connect_as_user(self, *positional, **named):
        named.update(username=user, password=password.encode())
        return connect(self, *positional, **named)

    tests.mqtt_client.Client.connect = connect_as_user

    reasons, failed = NOT_APPLICABLE[version], False
    names = unittest.defaultTestLoader.getTestCaseNames(tests.Test)
    for name in names:
        if name in reasons:
            print(f"does not apply  {name}: {reasons[name]}")
            continue
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            outcome = unittest.TextTestRunner(stream=said).run(
                unittest.TestSuite([tests.Test(name)])
            )
        passed = outcome.wasSuccessful()
        print(f"{'passed' if passed else 'FAILED':15} {name}")
        if not passed:
            failed = True
            print(said.getvalue())
    for name in set(reasons) - set(names):
        print(f"not in the suite: {name}")
        failed = True
    sys.exit(1 if failed else 0)


main()
