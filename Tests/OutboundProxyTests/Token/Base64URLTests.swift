import OutboundProxy
import Testing

@Suite("base64url")
struct Base64URLTests {
    static func encode(_ octets: [UInt8]) -> String {
        var text: [UInt8] = []
        Base64URL.append(octets, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    @Test(
        "writes and reads the vectors of RFC 4648 §10, without padding",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ])
    func vectors(text: String, encoded: String) {
        #expect(Self.encode(Array(text.utf8)) == encoded)
        #expect(Base64URL.decode(Array(encoded.utf8)[...]) == Array(text.utf8))
    }

    @Test("uses - and _ for the last two values")
    func lastValues() {
        #expect(Self.encode([0xfb, 0xff, 0xbf]) == "-_-_")
        #expect(Base64URL.decode(Array("-_-_".utf8)[...]) == [0xfb, 0xff, 0xbf])
    }

    @Test(
        "refuses other characters, impossible lengths and spare bits",
        arguments: [
            "A", "AAAAA", "Zh", "Zm9", "Zm8=", "Zm9v\n", " ", "+/+/", "Zg.", "ZÄ", "B_",
        ])
    func refuses(text: String) { #expect(Base64URL.decode(Array(text.utf8)[...]) == nil) }

    @Test("has exactly one spelling for two octets")
    func oneSpelling() {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        let spellings = alphabet.filter { Base64URL.decode([0x5a, $0]) != nil }
        #expect(spellings.count == 4)
    }
}
