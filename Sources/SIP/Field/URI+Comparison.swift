import NetworkTypes

// When two URIs are the same (RFC 3261 §19.1.4).

extension URI {
    /// Whether the URI in `bytes` means the same as `other` in `otherBytes`, as RFC 3261 §19.1.4 compares them: users
    /// with, all else without regard to case; escapes count as what they stand for unless that is reserved; a port that
    /// is left out is not the default one; `user`, `ttl`, `method`, `maddr` and `transport` must be in both or in
    /// neither, other parameters agree where both have them; header fields agree in any order.
    public func isEquivalent(to other: URI, in bytes: [UInt8], _ otherBytes: [UInt8]) -> Bool {
        guard scheme == other.scheme else { return false }
        let (mine, others) = (Octets(bytes), Octets(otherBytes))
        guard scheme == .sip || scheme == .sips else {
            // Of other schemes nothing is known but that the scheme itself has no case.
            return mine.equal(rest(in: bytes), to: others, other.rest(in: otherBytes), ignoringCase: false)
        }
        return port == other.port && (userInfo == nil) == (other.userInfo == nil)
            && mine.equal(userInfo ?? 0..<0, to: others, other.userInfo ?? 0..<0, ignoringCase: false)
            && hasSameHost(as: other, in: bytes, otherBytes)
            && hasSameParameters(as: other, mine, others) && hasSameHeaders(as: other, mine, others)
    }

    /// What follows the scheme and its colon.
    private func rest(in bytes: [UInt8]) -> Range<Int> {
        (bytes.first(UInt8(ascii: ":"), in: range) ?? range.lowerBound)..<range.upperBound
    }

    /// Two spellings of one IPv6 address are the same host (RFC 5118 §4.1, RFC 5954 §4.2).
    private func hasSameHost(as other: URI, in bytes: [UInt8], _ otherBytes: [UInt8]) -> Bool {
        if let address = address(in: bytes) { return address == other.address(in: otherBytes) }
        return Octets(bytes).equal(host, to: Octets(otherBytes), other.host, ignoringCase: true)
    }

    // MARK: Parameters

    private func hasSameParameters(as other: URI, _ mine: Octets, _ others: Octets) -> Bool {
        let (list, otherList) = (parameters.all(in: mine.bytes), other.parameters.all(in: others.bytes))
        return Self.agree(list, mine, otherList, others) && Self.agree(otherList, others, list, mine)
    }

    /// Whether every parameter of `list` that must be, or is, in `otherList` has the same value there.
    private static func agree(
        _ list: [Parameters.Parameter], _ mine: Octets, _ otherList: [Parameters.Parameter], _ others: Octets
    ) -> Bool {
        list.allSatisfy { parameter in
            let twin = otherList.first { mine.equal(parameter.name, to: others, $0.name, ignoringCase: true) }
            guard let twin else { return !mustBeInBoth(parameter.name, mine) }
            return (parameter.value == nil) == (twin.value == nil)
                && mine.equal(parameter.value ?? 0..<0, to: others, twin.value ?? 0..<0, ignoringCase: true)
        }
    }

    private static func mustBeInBoth(_ name: Range<Int>, _ octets: Octets) -> Bool {
        ["user", "ttl", "method", "maddr", "transport"].contains { (text: StaticString) in
            octets.bytes.equals(name, ignoringCase: text)
        }
    }

    // MARK: Header fields

    private func hasSameHeaders(as other: URI, _ mine: Octets, _ others: Octets) -> Bool {
        let list = Self.fields(headers, mine)
        var rest = Self.fields(other.headers, others)
        guard list.count == rest.count else { return false }
        for field in list {
            let twin = rest.firstIndex {
                mine.equal(field.name, to: others, $0.name, ignoringCase: true)
                    && mine.equal(field.value, to: others, $0.value, ignoringCase: false)
            }
            guard let twin else { return false }
            rest.remove(at: twin)
        }
        return true
    }

    /// Takes `?name=value&name=value` apart.
    private static func fields(_ range: Range<Int>, _ octets: Octets) -> [(name: Range<Int>, value: Range<Int>)] {
        var list: [(name: Range<Int>, value: Range<Int>)] = []
        var start = range.lowerBound + 1
        while start < range.upperBound {
            let end = octets.bytes.first(UInt8(ascii: "&"), in: start..<range.upperBound) ?? range.upperBound
            let equals = octets.bytes.first(UInt8(ascii: "="), in: start..<end) ?? end
            list.append((start..<equals, min(equals + 1, end)..<end))
            start = end + 1
        }
        return list
    }
}

/// Octets read with their escapes undone, where that is allowed.
private struct Octets {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func equal(_ range: Range<Int>, to other: Octets, _ otherRange: Range<Int>, ignoringCase: Bool) -> Bool {
        var (index, otherIndex) = (range.lowerBound, otherRange.lowerBound)
        while index < range.upperBound, otherIndex < otherRange.upperBound {
            let (one, two) = (next(&index, range.upperBound), other.next(&otherIndex, otherRange.upperBound))
            guard one == two || ignoringCase && one.caseless == two.caseless else { return false }
        }
        return index == range.upperBound && otherIndex == otherRange.upperBound
    }

    /// The character at `index`, which moves behind it: an escape of an unreserved character is that character; one of
    /// a reserved character is a character of its own.
    private func next(_ index: inout Int, _ end: Int) -> Unit {
        let octet = bytes[index]
        index += 1
        guard octet == UInt8(ascii: "%"), index + 1 < end, let high = bytes[index].hexDigitValue,
            let low = bytes[index + 1].hexDigitValue
        else { return Unit(octet: octet, isEscaped: false) }
        index += 2
        let value = high << 4 | low
        return Unit(octet: value, isEscaped: ";/?:@&=+$,".utf8.contains(value))
    }

    struct Unit: Equatable {
        let octet: UInt8
        /// Whether the escape makes a difference.
        let isEscaped: Bool

        var caseless: Unit { Unit(octet: octet.lowercased, isEscaped: isEscaped) }
    }
}
