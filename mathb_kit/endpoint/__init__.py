"""The project's only HTTP client: JSON requests, bounded in number, retried with back-off, kept in a reply cache."""

from mathb_kit.endpoint.client import Endpoint, GaveUp, Traffic, UnreadableReply
from mathb_kit.endpoint.one_try import BadReply
