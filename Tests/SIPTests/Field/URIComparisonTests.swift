import SIP
import Testing

/// RFC 3261 §19.1.4: the pairs of its table, and the rules that it states.
@Suite struct URIComparisonTests {
    @Test(arguments: [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x"
        ),
        ("SIP:carol@chicago.com", "sip:carol@CHICAGO.com"),
        ("sip:[2001:db8::1]", "sip:[2001:0DB8:0:0:0:0:0:1]"),
        ("sip:a@b;lr", "sip:a@b;LR"), ("sip:a%3bb@c", "sip:a%3Bb@c"), ("sip:%7Ea@b", "sip:~a@b"),
        ("sip:a@b;x=%41", "sip:a@b;x=a"), ("tel:+1", "TEL:+1"), ("sips:a@b", "sips:a@b"),
        ("sip:a@b;user=phone", "sip:a@b;user=PHONE"), ("sip:a:pw@b", "sip:a:pw@b"),
        ("sip:null-%00@b", "sip:null-%00@b"),
    ])
    func `these are the same`(one: String, other: String) throws {
        #expect(try areEquivalent(one, other))
        #expect(try areEquivalent(other, one))
    }

    @Test(arguments: [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtlanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:a@b", "sips:a@b"), ("sip:a@b", "sip:b"), ("sip:a@b", "sip:a:@b"), ("sip:a:x@b", "sip:a:X@b"),
        ("sip:a@b;user=phone", "sip:a@b"), ("sip:a@b;ttl=1", "sip:a@b"), ("sip:a@b;method=INVITE", "sip:a@b"),
        ("sip:a@b;maddr=c", "sip:a@b"), ("sip:a@b;x=1", "sip:a@b;x=2"), ("sip:a@b;x", "sip:a@b;x=2"),
        ("sip:a%3Bb@c", "sip:a;b@c"), ("sip:a%40b@c", "sip:a@c"), ("sip:a@b?x=1", "sip:a@b?x=1&x=1"),
        ("sip:a@b?x=1", "sip:a@b?y=1"), ("sip:a@b?x=1", "sip:a@b?x=2"), ("sip:null-%00@b", "sip:null-@b"),
        ("sip:null-%00-null@b", "sip:null-%00@b"), ("tel:+1", "tel:+2"), ("sip:%00@b", "sip:%00%00@b"),
        ("sip:a%2541@b", "sip:a%41@b"),
    ])
    func `these are not`(one: String, other: String) throws {
        #expect(try !areEquivalent(one, other))
        #expect(try !areEquivalent(other, one))
    }

    private func areEquivalent(_ one: String, _ other: String) throws -> Bool {
        let (bytes, otherBytes) = (Array("x\(one)".utf8), Array(other.utf8))
        let uri = try #require(URI(1..<bytes.count, in: bytes))
        return uri.isEquivalent(to: try #require(URI(otherBytes.indices, in: otherBytes)), in: bytes, otherBytes)
    }
}
