import Glibc
import NetworkTypes
import TLS

/// The file with the keys of tokens: lines of a key id and 64 hexadecimal digits, and comments.
///
/// The first key seals. A second one is the key before it, whose tokens are still accepted.
enum TokenKeyFile {
    struct Keys: Equatable {
        var current: DeterministicCipher.Key
        var previous: DeterministicCipher.Key?
    }

    private static let comment = """
        # The token keys of Sallyport: whoever has them can call in. Nodes that share calls share this file.
        # The first key seals tokens, a second one is still accepted. To change keys, put a new line "ID KEY" with
        # another ID (0-255) and 64 hexadecimal digits (openssl rand -hex 32) before the others, drop the oldest, reload.

        """

    /// Reads the keys; makes a file with a random one where there is none.
    static func keys(at path: String) throws(StateError) -> Keys {
        if access(path, F_OK) != 0, errno == ENOENT {
            // Another process may be quicker: then its key counts.
            _ = try File.create(path, with: Array(text(of: DeterministicCipher.Key(randomWithID: 1)).utf8))
        }
        let file = try File(path, O_RDONLY)
        guard try file.permissions & 0o077 == 0 else {
            throw StateError(path, "holds keys, and others than its owner have access: chmod 600 \(path)")
        }
        return try parse(String(decoding: try file.contents(limit: 65_536), as: UTF8.self), path: path)
    }

    static func parse(_ text: String, path: String) throws(StateError) -> Keys {
        var keys: [DeterministicCipher.Key] = []
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            guard words.count == 2, let id = UInt8(first), let octets = octets(hexadecimal: words[1]),
                let key = DeterministicCipher.Key(id: id, octets: octets)
            else { throw StateError(path, line: index + 1, "expected a key id (0-255) and 64 hexadecimal digits") }
            guard keys.count < 2 else { throw StateError(path, line: index + 1, "only two keys are accepted") }
            guard keys.first?.id != id else { throw StateError(path, line: index + 1, "both keys have the id \(id)") }
            keys.append(key)
        }
        guard let current = keys.first else { throw StateError(path, "holds no key") }
        return Keys(current: current, previous: keys.dropFirst().first)
    }

    private static func text(of key: DeterministicCipher.Key) -> String {
        let digits = key.octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return comment + "\(key.id) \(digits.joined())\n"
    }

    private static func octets(hexadecimal text: Substring) -> [UInt8]? {
        let digits = text.utf8.compactMap { $0.hexDigitValue }
        guard digits.count == text.utf8.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
