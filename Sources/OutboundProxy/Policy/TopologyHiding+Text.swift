import NetworkTypes
import SIP

// Addresses in texts that are no URIs: a Call-ID, a Warning.

extension TopologyHiding {
    /// Whether an inside address, of either family, or the name of a PBX stands anywhere in the text.
    func tells(_ text: ArraySlice<UInt8>) -> Bool {
        let (dots, colons) = text.reduce(into: (0, 0)) { count, octet in
            if octet == UInt8(ascii: ".") { count.0 += 1 }
            if octet == UInt8(ascii: ":") { count.1 += 1 }
        }
        if dots >= 3, tellsV4(text) { return true }
        if colons >= 2, tellsV6(text) { return true }
        return inside.tellsName(text)
    }

    /// Any four numbers with dots between them; more digits may stand on either side.
    private func tellsV4(_ text: ArraySlice<UInt8>) -> Bool {
        text.indices.contains { start in
            guard text[start].isDigit, let found = Self.address(at: start, in: text) else { return false }
            return found.contains { isInside($0) }
        }
    }

    /// The addresses that start there: as many as the last number can have digits.
    private static func address(at start: Int, in text: ArraySlice<UInt8>) -> [IPAddress]? {
        var value: UInt32 = 0
        var index = start
        for part in 0..<4 {
            var number: UInt32 = 0
            var digits = 0
            var found: [IPAddress] = []
            while index < text.endIndex, text[index].isDigit, digits < 3 {
                number = number * 10 + UInt32(text[index] &- 0x30)
                guard number <= 255 else { break }
                index += 1
                digits += 1
                if part == 3 { found.append(IPAddress(v4: value << 8 | number)) }
            }
            guard digits > 0 else { return nil }
            if part == 3 { return found }
            value = value << 8 | number
            guard index < text.endIndex, text[index] == UInt8(ascii: ".") else { return nil }
            index += 1
        }
        return nil
    }

    /// A run of hexadecimal digits, colons and dots, or a part of it that starts and ends with a group.
    private func tellsV6(_ text: ArraySlice<UInt8>) -> Bool {
        let runs = text.split { $0.hexDigitValue == nil && $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: ".") }
        return runs.contains { run in
            let starts = run.indices.filter { isEdge(run, before: $0) }
            let ends = run.indices.filter { isEdge(run, after: $0) }
            return starts.prefix(16).contains { start in
                ends.suffix(16).contains { end in
                    start <= end && IPAddress(text: run[start...end]).map { $0.family == .v6 && isInside($0) } ?? false
                }
            }
        }
    }

    private func isEdge(_ run: ArraySlice<UInt8>, before index: Int) -> Bool {
        index == run.startIndex || run[index - 1] == UInt8(ascii: ":") || run[index] == UInt8(ascii: ":")
    }

    private func isEdge(_ run: ArraySlice<UInt8>, after index: Int) -> Bool {
        index == run.endIndex - 1 || run[index + 1] == UInt8(ascii: ":") || run[index] == UInt8(ascii: ":")
    }
}
