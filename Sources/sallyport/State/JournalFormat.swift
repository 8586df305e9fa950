import NetworkTypes
import OutboundProxy

/// How a journal is written: a first line that says what it is, then a line per record, `check octets`, with the check
/// in hexadecimal and the octets in base64url.
///
/// Lines, so that a reader finds its place again after a torn or damaged record, and an administrator can look.
enum JournalFormat {
    static let header = Array("sallyport journal 1\n".utf8)

    private static let lineFeed = UInt8(ascii: "\n")
    private static let checkLength = 16

    static func appendLine(_ record: [UInt8], to text: inout [UInt8]) {
        appendCheck(of: record, to: &text)
        text.append(UInt8(ascii: " "))
        Base64URL.append(record, to: &text)
        text.append(lineFeed)
    }

    struct Records: Equatable {
        var records: [[UInt8]] = []
        /// Lines that are no records: cut off by a crash, or damaged.
        var damaged = 0
    }

    /// The records of a whole file; nil when it is something else than a journal.
    static func records(in text: [UInt8]) -> Records? {
        guard text.starts(with: header) else { return header.starts(with: text) ? Records() : nil }
        var result = Records()
        for line in text.dropFirst(header.count).split(separator: lineFeed) {
            if let record = record(line) { result.records.append(record) } else { result.damaged += 1 }
        }
        return result
    }

    private static func record(_ line: ArraySlice<UInt8>) -> [UInt8]? {
        guard line.count > checkLength, line[line.startIndex + checkLength] == UInt8(ascii: " "),
            let record = Base64URL.decode(line.dropFirst(checkLength + 1))
        else { return nil }
        var check: [UInt8] = []
        appendCheck(of: record, to: &check)
        return line.starts(with: check) ? record : nil
    }

    /// Sixteen digits that tell a whole record from a damaged one; no secret.
    private static func appendCheck(of record: [UInt8], to text: inout [UInt8]) {
        let hash = KeyedHash(key0: 0x7361_6c6c_7970_6f72, key1: 0x7420_6a6f_7572_6e6c)(record)
        let digits = String(hash, radix: 16).utf8
        text.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: checkLength - digits.count))
        text.append(contentsOf: digits)
    }
}
