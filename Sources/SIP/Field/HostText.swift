public import NetworkTypes

/// What may stand as the host of a URI or Via (RFC 3261 §25.1).
public enum HostText {
    /// The address that `host` spells, an IPv6 literal with its brackets; nil for a name.
    ///
    /// RFC 3261's grammar puts a colon too many before an embedded IPv4 address; RFC 5118 §4.10 wants both read.
    public static func address(_ host: Range<Int>, in bytes: [UInt8]) -> IPAddress? {
        guard let last = host.last, bytes[host.lowerBound] == UInt8(ascii: "[") || bytes[last].isDigit else {
            return nil
        }
        if let address = IPAddress(bytes.span.extracting(host)) { return address }
        guard let dot = bytes.first(UInt8(ascii: "."), in: host), let colons = extraColon(host.lowerBound..<dot, bytes)
        else { return nil }
        return IPAddress(text: Array(bytes[host.lowerBound..<colons] + bytes[(colons + 1)..<host.upperBound]))
    }

    /// Where the third of three colons in a row is.
    private static func extraColon(_ range: Range<Int>, _ bytes: [UInt8]) -> Int? {
        var run = 0
        for index in range {
            run = bytes[index] == UInt8(ascii: ":") ? run + 1 : 0
            if run == 3 { return index }
        }
        return nil
    }

    /// Whether the host is an IPv4 address or a name: a name's last label starts with a letter, so that nothing reads
    /// `127.1` or `2130706433` as an address where we did not.
    static func isAddressOrName(_ host: Range<Int>, in bytes: [UInt8]) -> Bool {
        var end = host.upperBound
        if end > host.lowerBound + 1, bytes[end - 1] == UInt8(ascii: ".") { end -= 1 }
        var label = end
        while label > host.lowerBound, bytes[label - 1] != UInt8(ascii: ".") { label -= 1 }
        guard label < end else { return false }
        return bytes[label].isAlpha || address(host, in: bytes) != nil
    }
}
