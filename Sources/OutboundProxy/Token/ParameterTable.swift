/// Frequent texts of URI parameters, as single octets from 0x80 on: what Asterisk, FreeSWITCH and common phones write
/// into a Contact.
enum ParameterTable {
    /// The octet of a text is 0x80 plus its place, so places may never change and texts only be added at the end. Where
    /// one text begins another, the first match in this order is taken.
    private static let texts: [[UInt8]] = [
        ";transport=udp", ";transport=tcp", ";transport=tls", ";transport=UDP", ";transport=TCP", ";transport=TLS",
        ";line=", ";ob", ";lr", ";user=phone", ";rinstance=", ";gr=urn:uuid:", ";gr", ";fs_path=", ";fs_nat=yes",
        ";x-ast-orig-host=", ";+sip.instance=", ";reg-id=", ";expires=", ";alias=", ";maddr=", ";transport=",
    ].map { Array($0.utf8) }

    private static let base: UInt8 = 0x80

    /// `text` with frequent parts replaced; nil when it has octets that would be taken for such parts.
    static func encode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(text.count)
        var rest = text
        while let octet = rest.first {
            guard octet < base else { return nil }
            if octet == UInt8(ascii: ";") || octet == UInt8(ascii: "="),
                let place = texts.firstIndex(where: { rest.starts(with: $0) })
            {
                encoded.append(base + UInt8(truncatingIfNeeded: place))
                rest = rest.dropFirst(texts[place].count)
            } else {
                encoded.append(octet)
                rest = rest.dropFirst()
            }
        }
        return encoded
    }

    /// Appends the text that `encoded` stands for; false when an octet has no text.
    static func decode(_ encoded: ArraySlice<UInt8>, into text: inout [UInt8]) -> Bool {
        for octet in encoded {
            if octet < base {
                text.append(octet)
            } else {
                let place = Int(octet - base)
                guard place < texts.count else { return false }
                text += texts[place]
            }
        }
        return true
    }
}
