import NetworkTypes
import SIP
import Testing

/// RFC 3261 §19.1.1.
@Suite struct URITests {
    /// URI, user info, host, port, parameters, header fields.
    @Test(
        arguments: [
            ("sip:a", nil, "a", nil, "", ""), ("sip:a@b", "a", "b", nil, "", ""),
            ("SIP:a@b:5070", "a", "b", 5070, "", ""),
            ("sip:a:pw@b;lr", "a:pw", "b", nil, ";lr", ""), ("sip:b?x=y", nil, "b", nil, "", "?x=y"),
            ("sip:b:1;a=b;c?x=y&z=", nil, "b", 1, ";a=b;c", "?x=y&z="), ("sip:[::1]", nil, "[::1]", nil, "", ""),
            ("sip:a@[2001:db8::1]:65535;lr", "a", "[2001:db8::1]", 65535, ";lr", ""),
            ("sip:user;par=u%40h@b", "user;par=u%40h", "b", nil, "", ""), ("sip:a?b@c", "a?b", "c", nil, "", ""),
            ("sip:%00@a-b.c", "%00", "a-b.c", nil, "", ""), ("sip:a@b.", "a", "b.", nil, "", ""),
            ("sip:1.2.3.4", nil, "1.2.3.4", nil, "", ""), ("sip:+1@x_y.z", "+1", "x_y.z", nil, "", ""),
            ("sip:2.a", nil, "2.a", nil, "", ""),
            ("sip:a@[2001:db8:::192.0.2.1]", "a", "[2001:db8:::192.0.2.1]", nil, "", ""),
            (
                "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
                "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)",
                "example.com", nil,
                "", ""
            ),
            ("sip:a@b:0", "a", "b", 0, "", ""),
        ] as [(String, String?, String, UInt16?, String, String)])
    func `a sip URI is taken apart`(
        text: String, userInfo: String?, host: String, port: UInt16?, parameters: String, headers: String
    ) throws {
        let bytes = Array("<\(text)>".utf8)
        let uri = try #require(URI(1..<(bytes.count - 1), in: bytes))
        #expect(uri.scheme == .sip)
        #expect(uri.userInfo.map { string(bytes, $0) } == userInfo)
        #expect(string(bytes, uri.host) == host)
        #expect(uri.port == port)
        #expect(string(bytes, uri.parameters.range) == parameters)
        #expect(string(bytes, uri.headers) == headers)
        #expect(string(bytes, uri.hostPort) == host + (port.map { ":\($0)" } ?? ""))
    }

    @Test(arguments: [
        ("sips:a@b", URI.Scheme.sips), ("tel:+1-555", .tel), ("TEL:1", .tel), ("urn:x:y", .other),
        ("h.t+t-p:x", .other),
        ("soap.beep://192.0.2.103:3002", .other), ("x:", .other),
    ])
    func `schemes`(text: String, scheme: URI.Scheme) {
        let bytes = Array(text.utf8)
        #expect(URI(bytes.indices, in: bytes)?.scheme == scheme)
    }

    @Test(arguments: [
        "", ":", "sip", "sip:", "sip:@", "sip:a@", "sip:@b", "sip::1", "sip:a@b@c", "sip:a b", "sip:a@b c", " sip:a",
        "<sip:a>",
        "sip:a\"", "sip:a\u{0}", "sip:a\u{7f}", "1sip:a", "si p:a", "s%p:a", "sip:b:", "sip:b:65536", "sip:b:99999",
        "sip:b:-1",
        "sip:b:+1", "sip:b:1x", "sip:b:99999999999999999999", "sip:2001:db8::1", "sip:[::1", "sip:[]", "sip:[a]",
        "sip:[::1]x",
        "sip:[1.2.3.4]", "sip:1", "sip:127.1", "sip:2130706433", "sip:0x7f.1.1.1", "sip:1.2.3.256", "sip:1.2.3.4.5",
        "sip:.", "sip:a..",
        "sip:b,c", "sip:a/b", "sip:%41.com", "sip:*", "sip:ä",
    ])
    func `what is no URI is not read`(text: String) {
        let bytes = Array(text.utf8)
        #expect(URI(bytes.indices, in: bytes) == nil)
    }

    @Test func `host, user, transport and lr`() throws {
        let bytes = Array("sip:a:pw@192.0.2.1;Transport=TCP;LR".utf8)
        let uri = try #require(URI(bytes.indices, in: bytes))
        #expect(uri.user(in: bytes).map { string(bytes, $0) } == "a")
        #expect(uri.address(in: bytes) == IPAddress("192.0.2.1"))
        #expect(uri.transport(in: bytes) == .tcp)
        #expect(uri.isLoose(in: bytes))
    }

    private func string(_ bytes: [UInt8], _ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }
}
