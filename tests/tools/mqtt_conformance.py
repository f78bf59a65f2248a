"""Runs Eclipse Paho's interoperability tests against a broker: all of them.

    mqtt_conformance.py SUITE VERSION PORT USER PASSWORD [TOPIC...]

SUITE is a checkout of paho.mqtt.testing, VERSION 3 or 5. USER may publish and subscribe to the
suite's own topics; with five TOPICs the suite uses those in their place, by filters that take them
in.
Prints a line for every test of the suite; ends with 1 where one failed.
"""

import importlib
import io
import sys
import unittest
from contextlib import redirect_stderr, redirect_stdout

OWN_TOPICS = ("TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA")
OWN_FILTERS = ("TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#")
OWN_PREFIX = "client_test5/"
# In the order of the suite's filters: what takes in the topics of readings of the meters.
READINGS = "wattex/v1/+/reading"
FILTERS_OF_READINGS = (READINGS, "+/C", "#", "/#", "/+", READINGS, "wattex/v1/#")

# What the suite cannot ask of topics that are not its own.
NOT_OF_OTHER_TOPICS = {
    "test_maximum_packet_size": "a reading's topic alone is as long as the packets that it takes",
    "test_dollar_topics": "no reading's topic begins with $",
    "test_subscribe_options": "its filter must not take in its first topic, and that of readings does",
    "test_shared_subscriptions": "it publishes below its own prefix",
}
# The suite has it and does not run it by itself, since its name does not begin with `test`.
UNNAMED = {3: ["will_message_test"], 5: []}


def main():
    suite, version, port, user, password, *topics = sys.argv[1:]
    version = int(version)
    sys.path.insert(0, suite + "/interoperability")
    tests = importlib.import_module("client_test" if version == 3 else "client_test5")

    def set_data():
        tests.host, tests.port = "127.0.0.1", int(port)
        tests.topics = topics or OWN_TOPICS
        tests.wildtopics = FILTERS_OF_READINGS if topics else OWN_FILTERS
        tests.nosubscribe_topics, tests.topic_prefix = ("test/nosubscribe",), OWN_PREFIX

    set_data()
    tests.setData = set_data
    connect = tests.mqtt_client.Client.connect

    def connect_as_user(self, *positional, **named):
        named.update(username=user, password=password.encode())
        return connect(self, *positional, **named)

    tests.mqtt_client.Client.connect = connect_as_user

    count, failed = 0, False
    names = [*unittest.defaultTestLoader.getTestCaseNames(tests.Test), *UNNAMED[version]]
    for name in names:
        if topics and name in NOT_OF_OTHER_TOPICS:
            print(f"does not apply  {name}: {NOT_OF_OTHER_TOPICS[name]}")
            continue
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            outcome = unittest.TextTestRunner(stream=said).run(
                unittest.TestSuite([tests.Test(name)])
            )
        passed = outcome.wasSuccessful() and outcome.testsRun == 1
        print(f"{'passed' if passed else 'FAILED':15} {name}", flush=True)
        count += passed
        if not passed:
            failed = True
            print(said.getvalue(), flush=True)
    print(f"{count} tests passed")
    sys.exit(1 if failed else 0)


main()
