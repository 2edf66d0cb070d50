"""Who signed what: Ed25519, checkpoints, webhooks."""

import base64
import unittest
from unittest import mock

from signing import log_key, note, public_key, sign
from support import vectors

from counterfoil import checkpoint, ed25519, webhooks
from counterfoil.checkpoint import CheckpointError, LogKey, verify_checkpoint, verify_tlog_proof
from counterfoil.merkle import Head
from counterfoil.texts import to_base64
from counterfoil.webhooks import WebhookError, verify_webhook

SEED, OTHER = bytes([7]) * 32, bytes([8]) * 32
# Source: RFC 8032 section 7.1: secret key, public key, message, signature.
PUBLISHED = [
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
]
MODES = [False, True] if ed25519.HAS_CRYPTOGRAPHY else [False]


def each_mode():
    for has in MODES:
        with mock.patch.object(ed25519, "HAS_CRYPTOGRAPHY", has):
            yield has


class Ed25519(unittest.TestCase):
    def hold(self):
        for _ in each_mode():
            for secret, key, message, signature in (map(bytes.fromhex, case) for case in PUBLISHED):
                self.assertEqual((public_key(secret), sign(secret, message)), (key, signature))
                self.assertTrue(ed25519.is_signed(key, message, signature))
                for other in (message + b"\0", b"x"):
                    self.assertFalse(ed25519.is_signed(key, other, signature))
                for at in (0, 31, 32, 63):
                    changed = bytearray(signature)
                    changed[at] ^= 1
                    self.assertFalse(ed25519.is_signed(key, message, bytes(changed)), at)

    def test_published_signatures_hold_and_altered_ones_do_not(self):
        self.hold()

    def test_twin_a_check_that_is_left_out_fails_the_same_run(self):
        with mock.patch.object(ed25519, "is_signed", lambda *_: True), self.assertRaises(AssertionError):
            self.hold()

    def test_a_scalar_that_is_not_reduced_and_points_that_are_weak_or_spelt_twice_are_refused(self):
        key, message = public_key(SEED), b"message"
        signature = sign(SEED, message)
        scalar = int.from_bytes(signature[32:], "little") + ed25519._L
        small = [y.to_bytes(32, "little") for y in ed25519._SMALL]
        small += [(y | 1 << 255).to_bytes(32, "little") for y in ed25519._SMALL]
        # Each of them decodes to a point whose eighth multiple is the neutral one.
        for encoded in small:
            point = ed25519._decode(encoded)
            x, y, z, _ = ed25519._sum(8, point, 0, ed25519._NEUTRAL)
            self.assertEqual((x % ed25519._P, (y - z) % ed25519._P), (0, 0))
        twice = [(ed25519._P + y).to_bytes(32, "little") for y in range(19)]
        for _ in each_mode():
            self.assertTrue(ed25519.is_signed(key, message, signature), "twin: as it was")
            self.assertFalse(ed25519.is_signed(key, message, signature[:32] + scalar.to_bytes(32, "little")))
            for encoded in small + twice:
                # By a key of small order, the signature of R = s B holds for every message where the key's part is neutral.
                self.assertFalse(ed25519.is_signed(encoded, message, signature))
                self.assertFalse(ed25519.is_signed(key, message, encoded + signature[32:]))
                self.assertFalse(ed25519.is_signed(encoded, message, encoded + bytes(32)))
            for length in (0, 31, 33):
                self.assertFalse(ed25519.is_signed(bytes(length), message, signature))
                self.assertFalse(ed25519.is_signed(key, message, bytes(length + 32)))


class Checkpoints(unittest.TestCase):
    def setUp(self):
        case = next(case for case in vectors("log")["inclusion"] if case["fault"] is None and len(case["proof"]) > 2)
        self.index, self.leaf = int(case["index"]), bytes.fromhex(case["leaf_hash"])
        self.head = Head(int(case["size"]), bytes.fromhex(case["root"]))
        self.note = note(f"log.example\n{self.head.size}\n{to_base64(self.head.root)}\n", "log.example", SEED)
        hashes = "".join(to_base64(bytes.fromhex(text)) + "\n" for text in case["proof"])
        self.file = f"c2sp.org/tlog-proof@v1\nindex {self.index}\n{hashes}\n".encode() + self.note
        self.key = LogKey.read(log_key("log.example", SEED)[0])

    def hold(self):
        self.assertEqual(verify_checkpoint(self.note, self.key), self.head)
        self.assertEqual(verify_tlog_proof(self.file, self.index, self.leaf, self.key), self.head)
        for at in range(len(self.file)):
            changed = bytearray(self.file)
            changed[at] ^= 1
            with self.assertRaises(CheckpointError, msg=f"byte {at}"):
                verify_tlog_proof(bytes(changed), self.index, self.leaf, self.key)
            with self.assertRaises(CheckpointError, msg=f"up to byte {at}"):
                verify_tlog_proof(self.file[:at], self.index, self.leaf, self.key)

    def test_each_altered_byte_of_a_proof_is_refused(self):
        self.hold()

    def test_twin_comparisons_that_are_left_out_fail_the_same_run(self):
        for name in ("is_signed", "verify_inclusion"):
            with mock.patch.object(checkpoint, name, lambda *_: True), self.assertRaises(AssertionError):
                self.hold()

    def test_another_leaf_index_name_or_key_is_refused(self):
        other_name = LogKey.read(log_key("other.example", SEED)[0])
        other_key = LogKey.read(log_key("log.example", OTHER)[0])
        for index, leaf, key in (
            (self.index + 1, self.leaf, self.key), (self.index, bytes(32), self.key),
            (self.index, self.leaf, other_name), (self.index, self.leaf, other_key),
            (self.index, self.leaf, self.key._replace(key=other_key.key)),
        ):
            with self.assertRaises(CheckpointError):
                verify_tlog_proof(self.file, index, leaf, key)
        # A log's own key signed another log's text.
        foreign = note("other.example\n0\n" + to_base64(bytes(32)) + "\n", "log.example", SEED)
        with self.assertRaises(CheckpointError):
            verify_checkpoint(foreign, self.key)

    def test_signatures_of_others_are_passed_over(self):
        cosigned = self.note + "\u2014 witness.example {}\n".format(to_base64(bytes(72))).encode()
        self.assertEqual(verify_checkpoint(cosigned, self.key), self.head)

    def test_a_key_that_is_none_is_refused(self):
        text = log_key("log.example", SEED)[0]
        for key in ("", "a+b", "a+b+c", text.replace("log.", "lag."), text[:-4], " " + text, text.replace("+", "++", 1)):
            with self.assertRaises(CheckpointError):
                LogKey.read(key)


class Webhooks(unittest.TestCase):
    # Source: the specification of Standard Webhooks, "Signature scheme".
    SECRET, BODY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    HEADERS = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    def check(self, body=BODY, keys=SECRET, now=1_614_265_330, **headers):
        given = {**self.HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
        given = {name.title(): value for name, value in given.items() if value is not None}
        return verify_webhook(body, given, keys, tolerance_seconds=300, now=now)

    def hold(self):
        self.assertEqual(self.check(), ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330))
        faults = [
            {"body": b'{"test": 2432232315}'}, {"now": 1_614_265_631}, {"now": 1_614_265_029}, {"webhook_id": "msg_other"},
            {"webhook_timestamp": "1614265331"}, {"webhook_timestamp": "01614265330"}, {"webhook_timestamp": "x"},
            {"webhook_signature": "v1," + "A" * 43 + "="}, {"webhook_signature": "v1"}, {"webhook_signature": "é"},
            {"webhook_signature": self.HEADERS["webhook-signature"].replace("v1", "v1a")}, {"webhook_id": "a.b"},
            {"webhook_id": None}, {"webhook_timestamp": None}, {"webhook_signature": None}, {"keys": []},
            {"keys": "whsec_" + base64.b64encode(bytes(24)).decode()},
        ]
        for fault in faults:
            with self.assertRaises(WebhookError, msg=fault):
                self.check(**fault)

    def test_the_published_message_holds_and_altered_ones_do_not(self):
        self.hold()

    def test_twin_a_signature_that_is_not_compared_fails_the_same_run(self):
        with mock.patch.object(webhooks, "_is_by", lambda *_: True), self.assertRaises(AssertionError):
            self.hold()

    def test_one_of_several_keys_and_signatures_is_enough(self):
        signed = b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330." + self.BODY
        public = "whpk_" + to_base64(public_key(SEED))
        v1a = "v1a," + to_base64(sign(SEED, signed))
        both = f"v1,{'A' * 43}= {v1a}"
        self.assertEqual(self.check(keys=[self.SECRET, public], webhook_signature=both).timestamp, 1_614_265_330)
        with self.assertRaises(WebhookError):
            self.check(keys="whpk_" + to_base64(public_key(OTHER)), webhook_signature=both)

    def test_a_key_that_is_none_is_its_callers_fault(self):
        for key in ("", "whsec_", "whsec_AAAA", "whpk_" + base64.b64encode(bytes(31)).decode(), "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"):
            with self.assertRaises(ValueError):
                self.check(keys=key)

    def test_two_headers_of_one_name_are_refused(self):
        headers = {**self.HEADERS, "Webhook-Id": "msg_other"}
        with self.assertRaises(WebhookError):
            verify_webhook(self.BODY, headers, self.SECRET, tolerance_seconds=300, now=1_614_265_330)


if __name__ == "__main__":
    unittest.main()
