import NetworkTypes
import Testing

/// IPv4 and IPv6 literals as RFC 3986 §3.2.2 and RFC 4291 §2.2 spell them.
@Suite struct IPAddressTextTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
        ("010.001.000.009", "10.1.0.9"), ("::", "::"), ("[::]", "::"), ("::1", "::1"), ("1::", "1::"),
        ("2001:db8::10", "2001:db8::10"), ("[2001:DB8::A]", "2001:db8::a"), ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"), ("::ffff:192.0.2.10", "::ffff:c000:20a"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("2001:db8::192.0.2.1", "2001:db8::c000:201"),
        ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("fe80::1:0:0:1", "fe80::1:0:0:1"),
    ])
    func `a literal is read, and written as RFC 5952 says`(text: String, written: String) {
        #expect(IPAddress(text)?.description == written)
        #expect(IPAddress(written)?.description == written)
    }

    @Test(arguments: [
        "", "1", "[", "[]", "[1.2.3.4]", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.0004", "1..2.3", ".1.2.3", "1.2.3.",
        "+1.2.3.4", "1.2.3.4 ", "a.b.c.d", ":", ":::", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3",
        "12345::",
        "::1:", ":1::", "::g", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3",
        "::1.2.3.4:5", "::1.2.3.4.5", "fe80::1%eth0", "[::1", "::1]", "1:2:3:4:5:6:7:", "2001:db8:::192.0.2.1",
    ])
    func `what is no literal is not read`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func `every cut and every changed octet of a literal is read or refused, never a trap`() {
        for text in ["[2001:db8::ffff:192.0.2.1]", "192.0.2.201", "1:2:3:4:5:6:7:8"] {
            let octets = Array(text.utf8)
            for index in octets.indices {
                _ = IPAddress(text: octets[..<index])
                for octet in UInt8.min...UInt8.max {
                    var changed = octets
                    changed[index] = octet
                    if let address = IPAddress(text: changed) { #expect(IPAddress(address.description) == address) }
                }
            }
        }
    }
}
