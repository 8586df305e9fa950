import NetworkTypes

/// A bencoded value, the form of rtpengine's NG messages.
indirect enum Bencode: Equatable {
    case integer(Int64)
    case bytes([UInt8])
    case list([Bencode])
    case dictionary([[UInt8]: Bencode])

    static func text(_ text: String) -> Bencode { .bytes(Array(text.utf8)) }

    /// The value of a dictionary's key; nil for other values and keys.
    subscript(key: String) -> Bencode? {
        guard case .dictionary(let entries) = self else { return nil }
        return entries[Array(key.utf8)]
    }

    var bytes: [UInt8]? {
        guard case .bytes(let bytes) = self else { return nil }
        return bytes
    }

    var text: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
}

// MARK: Writing

extension Bencode {
    /// The encoded value; dictionaries are sorted by key, as the format asks.
    var encoded: [UInt8] {
        var out: [UInt8] = []
        write(into: &out)
        return out
    }

    private func write(into out: inout [UInt8]) {
        switch self {
        case .integer(let value): out += Array("i\(value)e".utf8)
        case .bytes(let bytes): Self.write(bytes, into: &out)
        case .list(let values):
            out.append(UInt8(ascii: "l"))
            for value in values { value.write(into: &out) }
            out.append(UInt8(ascii: "e"))
        case .dictionary(let entries):
            out.append(UInt8(ascii: "d"))
            for (key, value) in entries.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                Self.write(key, into: &out)
                value.write(into: &out)
            }
            out.append(UInt8(ascii: "e"))
        }
    }

    private static func write(_ bytes: [UInt8], into out: inout [UInt8]) {
        out += Array("\(bytes.count):".utf8)
        out += bytes
    }
}

// MARK: Reading

extension Bencode {
    /// Reads one value that fills `bytes` to the end; nil when it is malformed or nested too deeply.
    init?(_ bytes: [UInt8]) {
        var reader = BencodeReader(bytes)
        guard let value = reader.value(depth: 0), reader.isAtEnd else { return nil }
        self = value
    }
}

private struct BencodeReader {
    private static let deepest = 32
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }
    private var next: UInt8? { isAtEnd ? nil : bytes[position] }

    mutating func value(depth: Int) -> Bencode? {
        guard depth < Self.deepest, let first = next else { return nil }
        switch first {
        case UInt8(ascii: "i"): return integer()
        case UInt8(ascii: "l"): return list(depth: depth)
        case UInt8(ascii: "d"): return dictionary(depth: depth)
        default: return string().map { .bytes($0) }
        }
    }

    private mutating func integer() -> Bencode? {
        position += 1
        guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "e")),
            let value = Int64(String(decoding: bytes[position..<end], as: UTF8.self))
        else { return nil }
        position = end + 1
        return .integer(value)
    }

    private mutating func string() -> [UInt8]? {
        guard let colon = bytes[position...].firstIndex(of: UInt8(ascii: ":")),
            let length = bytes.decimal(position..<colon, as: UInt32.self).map(Int.init),
            length <= bytes.count - colon - 1
        else { return nil }
        position = colon + 1 + length
        return Array(bytes[colon + 1..<position])
    }

    private mutating func list(depth: Int) -> Bencode? {
        position += 1
        var values: [Bencode] = []
        while let first = next, first != UInt8(ascii: "e") {
            guard let value = value(depth: depth + 1) else { return nil }
            values.append(value)
        }
        return endOfContainer() ? .list(values) : nil
    }

    private mutating func dictionary(depth: Int) -> Bencode? {
        position += 1
        var entries: [[UInt8]: Bencode] = [:]
        while let first = next, first != UInt8(ascii: "e") {
            guard let key = string(), let value = value(depth: depth + 1) else { return nil }
            entries[key] = value
        }
        return endOfContainer() ? .dictionary(entries) : nil
    }

    private mutating func endOfContainer() -> Bool {
        guard next != nil else { return false }
        position += 1
        return true
    }
}
