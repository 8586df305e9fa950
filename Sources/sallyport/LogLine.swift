import Glibc
import NetworkTypes

/// One event of the log, written as text or as JSON.
///
/// Whatever a peer sent may be in its message and values. It stays on the line and within its quotation marks: line ends,
/// controls and marks that turn the direction of writing are escaped (security: log injection).
struct LogLine {
    let time: Timestamp
    let level: String
    let message: String
    /// Keys and values: the call and the flow first, the others by name.
    let values: [(key: String, value: String)]

    init(time: Timestamp, level: String, message: String, values: [(key: String, value: String)]) {
        self.time = time
        self.level = level
        self.message = message
        self.values = values.sorted { ($0.key.rank, $0.key) < ($1.key.rank, $1.key) }
    }

    /// `2026-11-21T12:00:00.123Z info call ended call-id=a1b2 reason="no media"`
    var text: [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        time.write(into: &line)
        line.append(UInt8(ascii: " "))
        line.append(contentsOf: level.utf8)
        line.append(UInt8(ascii: " "))
        line.append(escaping: message, quotes: false)
        for (key, value) in values {
            line.append(UInt8(ascii: " "))
            line.append(escaping: key.isWord ? key : "?", quotes: false)
            line.append(UInt8(ascii: "="))
            if value.isWord {
                line.append(contentsOf: value.utf8)
            } else {
                line.append(quoting: value)
            }
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    /// `{"time":"…","level":"info","message":"call ended","call-id":"a1b2"}`; every value is a string.
    var json: [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        line.append(contentsOf: "{\"time\":\"".utf8)
        time.write(into: &line)
        line.append(contentsOf: "\",\"level\":\"\(level)\",\"message\":".utf8)
        line.append(quoting: message)
        for (key, value) in values {
            line.append(UInt8(ascii: ","))
            let isTaken = ["time", "level", "message"].contains(key)
            line.append(quoting: isTaken ? "\(key)_" : key)
            line.append(UInt8(ascii: ":"))
            line.append(quoting: value)
        }
        line.append(contentsOf: "}\n".utf8)
        return line
    }
}

extension String {
    fileprivate var rank: Int { self == "call-id" ? 0 : self == "flow" ? 1 : 2 }

    /// Whether it can stand without quotation marks.
    fileprivate var isWord: Bool {
        !isEmpty && utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x5c && $0 != 0x3d }
    }
}

extension Array<UInt8> {
    /// Appends `text` as a JSON string.
    mutating func append(quoting text: String) {
        append(UInt8(ascii: "\""))
        append(escaping: text, quotes: true)
        append(UInt8(ascii: "\""))
    }

    /// Appends `text` with JSON's escapes (RFC 8259 §7) for what must not reach a log as it is.
    fileprivate mutating func append(escaping text: String, quotes: Bool) {
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22 where quotes, 0x5c: append(contentsOf: [0x5c, UInt8(truncatingIfNeeded: scalar.value)])
            case 0x0a: append(contentsOf: "\\n".utf8)
            case 0x0d: append(contentsOf: "\\r".utf8)
            case 0x09: append(contentsOf: "\\t".utf8)
            case 0..<0x20, 0x7f..<0xa0, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069:
                let digits = String(scalar.value, radix: 16)
                append(contentsOf: "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8)
            case ..<0x80: append(UInt8(truncatingIfNeeded: scalar.value))
            default: append(contentsOf: String(scalar).utf8)
            }
        }
    }
}
