import NetworkTypes
import SIP

/// The Call-ID in a URI's header fields (RFC 3891 §3: `Refer-To: <sip:bob@example.org?Replaces=…>`), where it is escaped.
enum EmbeddedCallID {
    private static let names: [StaticString] = ["replaces", "join", "target-dialog", "in-reply-to", "call-id"]

    /// Records the edits that put another Call-ID in place of each for which `other` knows one; whether there was any.
    @discardableResult
    static func replace(
        in headers: Range<Int>, of bytes: [UInt8], _ edits: inout MessageEdits,
        _ other: (ArraySlice<UInt8>) -> [UInt8]?
    ) -> Bool {
        var isFound = false
        for header in bytes[headers].dropFirst().split(separator: UInt8(ascii: "&")) {
            guard let equals = header.firstIndex(of: UInt8(ascii: "=")),
                names.contains(where: { bytes.equals(header.startIndex..<equals, ignoringCase: $0) })
            else { continue }
            let range = (equals + 1)..<end(of: header[(equals + 1)...])
            guard let replacement = other(unescaped(bytes[range])[...]) else { continue }
            edits.replace(range, with: escaped(replacement))
            isFound = true
        }
        return isFound
    }

    /// The Call-ID ends at the first `;`, escaped or not.
    private static func end(of value: ArraySlice<UInt8>) -> Int {
        value.indices.first { index in
            value[index] == UInt8(ascii: ";")
                || value[index] == UInt8(ascii: "%") && index + 2 < value.endIndex
                    && value[index + 1] == UInt8(ascii: "3") && value[index + 2].lowercased == UInt8(ascii: "b")
        } ?? value.endIndex
    }

    static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        var rest = text
        while let octet = rest.popFirst() {
            if octet == UInt8(ascii: "%"), let high = rest.first?.hexDigitValue,
                let low = rest.dropFirst().first?.hexDigitValue
            {
                out.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                out.append(octet)
            }
        }
        return out
    }

    /// With all escaped that a header field of a URI may not hold as it is (RFC 3261 §25.1: hvalue).
    static func escaped(_ text: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        for octet in text {
            if octet.isAlphanumeric || plain.contains(octet) {
                out.append(octet)
            } else {
                out.append(UInt8(ascii: "%"))
                for digit in [octet >> 4, octet & 15] { out.append(digit < 10 ? 0x30 + digit : 0x37 + digit) }
            }
        }
        return out
    }

    private static let plain = Set("[]/?:+$-_.!~*'()".utf8)
}
