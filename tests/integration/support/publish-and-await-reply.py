"""Publishes the message on stdin to exchange `submit` and prints its reply: the correlation id, a space, the body."""
import os
import sys

import pika

connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
channel.confirm_delivery()
reply_queue = channel.queue_declare("", exclusive=True).method.queue
channel.basic_publish(
    "submit",
    "summarize",
    sys.stdin.read().encode(),
    pika.BasicProperties(reply_to=reply_queue, correlation_id="mine"),
    mandatory=True,
)
for method, properties, body in channel.consume(reply_queue, inactivity_timeout=30):
    print(properties.correlation_id if properties else "no-reply", (body or b"").decode())
    break
connection.close()
