import Testing

@testable import SIP

@Suite struct HeaderNameTests {
    @Test(arguments: HeaderName.allCases.filter { $0 != .other })
    func `every name is known in any case, and nothing near it`(name: HeaderName) {
        let text = String(describing: name.text)
        #expect(self.name(text) == name)
        #expect(self.name(text.lowercased()) == name)
        #expect(self.name(text.uppercased()) == name)
        #expect(self.name(text + "x") == .other)
        #expect(self.name("x" + text) == .other)
        for index in text.indices {
            var changed = text
            changed.replaceSubrange(index...index, with: "_")
            #expect(self.name(changed) == .other)
        }
    }

    @Test func `compact forms of RFC 3261 §7.3.3, RFC 6665, RFC 3515, RFC 3892 and RFC 4028`() {
        let forms: [(Character, HeaderName)] = [
            ("v", .via), ("f", .from), ("t", .to), ("i", .callID), ("m", .contact), ("l", .contentLength),
            ("c", .contentType), ("e", .contentEncoding), ("k", .supported), ("o", .event), ("r", .referTo),
            ("b", .referredBy), ("x", .sessionExpires),
        ]
        for letter in "abcdefghijklmnopqrstuvwxyz" {
            let expected = forms.first { $0.0 == letter }?.1 ?? .other
            #expect(name(String(letter)) == expected)
            #expect(name(letter.uppercased()) == expected)
        }
        #expect(name("") == .other && name("1") == .other)
    }

    @Test func `there are fewer single-valued names than bits`() {
        #expect(HeaderName.allCases.count < 64)
    }

    private func name(_ text: String) -> HeaderName {
        let bytes = Array("(\(text):".utf8)
        return HeaderName(1..<(bytes.count - 1), in: bytes)
    }

    @Test(arguments: Method.allCases) func `methods are known by case, and nothing near them`(method: Method) {
        let text = String(describing: method.name)
        #expect(self.method(text) == method)
        guard method != .other else { return }
        #expect(self.method(text.lowercased()) == .other)
        for index in text.indices {
            var changed = text
            changed.replaceSubrange(index...index, with: "%")
            #expect(self.method(changed) == .other)
        }
    }

    private func method(_ text: String) -> Method {
        let bytes = Array(text.utf8)
        return Method(bytes.indices, in: bytes)
    }

    @Test func `token octets are those of RFC 3261 §25.1`() {
        let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~".utf8)
        for octet in UInt8.min...UInt8.max { #expect(Token.isTokenOctet(octet) == allowed.contains(octet)) }
    }
}
