/// The text of a configuration file, checked for what we refuse before any YAML library sees it.
///
/// Anchors, aliases, tags and explicit keys have no use in this file and are what YAML bombs are made of; a library
/// would have to be trusted with them. So comments are blanked first, by a rule simple enough to be right: what is
/// blanked is never parsed, and in what is left no token may begin with one of their characters. A comment is a `#` that
/// begins a line or follows a blank where no quotation mark stands before it on its line; any other `#` is left to the
/// library.
struct YAMLText {
    /// The text without comments; lines and columns are as in the file.
    let text: String

    static let largest = 1 << 20
    static let mostBracketsInLine = 64

    init(bytes: [UInt8], file: String) throws(ConfigurationErrors) {
        guard bytes.count <= Self.largest else {
            throw .init(.init(file: file, message: "larger than 1 MiB: this is no configuration"))
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw .init(.init(file: file, position: Self.firstInvalid(bytes), message: "not UTF-8 text"))
        }
        let withoutMark =
            decoded.unicodeScalars.first == "\u{feff}" ? String(decoded.unicodeScalars.dropFirst()) : decoded
        let lines = withoutMark.replacingLineEnds.split(separator: "\n", omittingEmptySubsequences: false)
        var kept: [String] = []
        kept.reserveCapacity(lines.count)
        for (index, line) in lines.enumerated() {
            let content = Self.withoutComment(line)
            if let (column, message) = Self.problem(in: content) {
                throw .init(
                    .init(file: file, position: Position(line: index + 1, column: column), message: message))
            }
            kept.append(String(content))
        }
        text = kept.joined(separator: "\n")
    }

    private static func withoutComment(_ line: Substring) -> Substring.UnicodeScalarView.SubSequence {
        let scalars = line.unicodeScalars
        var previous: Unicode.Scalar = " "
        for index in scalars.indices {
            let scalar = scalars[index]
            if scalar == "\"" || scalar == "'" { break }
            if scalar == "#", previous == " " || previous == "\t" { return scalars[..<index] }
            previous = scalar
        }
        return scalars[...]
    }

    /// The first thing of a line that we refuse, and its column.
    private static func problem(in line: Substring.UnicodeScalarView.SubSequence) -> (column: Int, message: String)? {
        let scalars = Array(line)
        var brackets = 0
        for (offset, scalar) in scalars.enumerated() {
            if isControl(scalar) { return (offset + 1, "a control character (U+\(hex(scalar)))") }
            if scalar == "\t", scalars[..<offset].allSatisfy({ $0 == " " }) {
                return (offset + 1, "a tab cannot indent YAML; use spaces")
            }
            let next = offset + 1 < scalars.count ? scalars[offset + 1] : " "
            if beginsToken(after: offset > 0 ? scalars[offset - 1] : " "),
                let reason = refusal(of: scalar, before: next)
            {
                return (offset + 1, reason)
            }
            if scalar == "[" || scalar == "{" { brackets += 1 }
            if brackets > mostBracketsInLine { return (offset + 1, "too many brackets in one line") }
        }
        return nil
    }

    private static func beginsToken(after previous: Unicode.Scalar) -> Bool {
        switch previous {
        case " ", "\t", "[", "{", ",", ":", "-", "?": true
        default: false
        }
    }

    private static func refusal(of scalar: Unicode.Scalar, before next: Unicode.Scalar) -> String? {
        switch scalar {
        case "?" where next == " " || next == "\t": "explicit keys ('? key') are not accepted"
        case "&": "YAML anchors ('&name') are not accepted"
        case "*": "YAML aliases ('*name') are not accepted"
        case "!": "YAML tags ('!type') are not accepted"
        default: nil
        }
    }

    /// Control characters, and the separators that YAML may take for line ends where editors don't.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09: false
        case 0..<0x20, 0x7f..<0xa0, 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff: true
        default: false
        }
    }

    private static func hex(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// The place of the first octet that is not UTF-8.
    private static func firstInvalid(_ bytes: [UInt8]) -> Position {
        let repaired = String(decoding: bytes, as: UTF8.self)
        var (line, column) = (1, 1)
        for scalar in repaired.unicodeScalars {
            if scalar == "\u{fffd}" { break }
            (line, column) = scalar == "\n" ? (line + 1, 1) : (line, column + 1)
        }
        return Position(line: line, column: column)
    }
}

extension String {
    /// CR LF as LF; a lone CR stays, to be refused.
    fileprivate var replacingLineEnds: String {
        var out = String.UnicodeScalarView()
        var pendingReturn = false
        for scalar in unicodeScalars {
            if pendingReturn, scalar != "\n" { out.append("\r") }
            pendingReturn = scalar == "\r"
            if !pendingReturn { out.append(scalar) }
        }
        if pendingReturn { out.append("\r") }
        return String(out)
    }
}
