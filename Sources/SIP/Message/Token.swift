import NetworkTypes

/// The character classes of RFC 3261 §25.1.
enum Token {
    /// Which octets a token may hold: alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~"
    private static let allowed: [Bool] = (0...255).map { octet in
        UInt8(octet).isAlphanumeric || "-.!%*_+`'~".utf8.contains(UInt8(octet))
    }

    static func isTokenOctet(_ octet: UInt8) -> Bool { allowed[Int(octet)] }

    static func isToken(_ range: Range<Int>, in bytes: [UInt8]) -> Bool {
        !range.isEmpty && range.allSatisfy { allowed[Int(bytes[$0])] }
    }
}

extension [UInt8] {
    /// Whether the octets in `range` are exactly `text`.
    func equals(_ range: Range<Int>, exactly text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { buffer in
            var offset = 0
            for index in range {
                if unsafe self[index] != buffer[offset] { return false }
                offset += 1
            }
            return true
        }
    }
}
