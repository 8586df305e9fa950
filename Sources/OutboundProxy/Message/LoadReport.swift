import NetworkTypes
import SIP

/// What a server says about its load in the Via of its responses, to a client that has asked (RFC 7339 §4).
struct LoadReport: Hashable {
    /// The percentage of requests that are not to be sent.
    let share: Int
    let validity: Duration
    /// Tells a later report from an earlier one; nil where the server does not number them.
    let number: UInt64?

    init(share: Int, validity: Duration, number: UInt64? = nil) {
        (self.share, self.validity, self.number) = (share, validity, number)
    }

    // MARK: Reading

    /// What the Via of ours in a response says; nil when nothing, or by another algorithm than ours.
    init?(in via: Via, _ bytes: [UInt8]) {
        guard let text = via.parameters.first("oc", in: bytes)?.value,
            let share = bytes.decimal(text, as: UInt32.self)
        else { return nil }
        if let algorithm = via.parameters.first("oc-algo", in: bytes)?.value, !Self.isLoss(algorithm, in: bytes) {
            return nil
        }
        self.share = Int(min(share, 100))
        let milliseconds = via.parameters.first("oc-validity", in: bytes)?.value.map {
            bytes.decimal($0, as: UInt32.self) ?? 0
        }
        validity = min(.milliseconds(Int64(milliseconds ?? 500)), Self.longest)
        number = via.parameters.first("oc-seq", in: bytes)?.value.flatMap { Self.number($0, in: bytes) }
    }

    /// However wrong a server is, it is asked again within that time.
    private static let longest = Duration.seconds(600)

    /// `1*12DIGIT "." 1*5DIGIT`, in hundred thousandths.
    private static func number(_ range: Range<Int>, in bytes: [UInt8]) -> UInt64? {
        let point = bytes[range].firstIndex(of: UInt8(ascii: ".")) ?? range.upperBound
        let digits = min(point + 1, range.upperBound)..<range.upperBound
        guard point - range.lowerBound <= 12, digits.count <= 5,
            let whole = bytes.decimal(range.lowerBound..<point, as: UInt64.self)
        else { return nil }
        var fraction = digits.isEmpty ? 0 : bytes.decimal(digits, as: UInt64.self) ?? 0
        for _ in digits.count..<5 { fraction *= 10 }
        return whole * 100_000 + fraction
    }

    /// Whether the list of algorithms, in quotes, has the one that we know.
    private static func isLoss(_ list: Range<Int>, in bytes: [UInt8]) -> Bool {
        let separators = [UInt8(ascii: "\""), UInt8(ascii: ","), UInt8(ascii: " "), UInt8(ascii: "\t")]
        return bytes[list].split { separators.contains($0) }.contains { word in
            bytes.equals(word.startIndex..<word.endIndex, ignoringCase: "loss")
        }
    }

    // MARK: Asking and answering

    /// What our Via has that asks for it (RFC 7339 §5.1).
    static let question = Array(";oc;oc-algo=\"loss\"".utf8)

    /// Whether who sent the request can be told, by the algorithm that we know (RFC 7339 §5.1).
    static func isWanted(by request: Message) -> Bool {
        let (via, bytes) = (request.topVia, request.bytes)
        guard mayBeNamed(in: via.parameters.range, of: bytes), via.parameters.first("oc", in: bytes) != nil else {
            return false
        }
        guard let list = via.parameters.first("oc-algo", in: bytes)?.value else { return true }
        return isLoss(list, in: bytes)
    }

    /// The response with this report in its topmost Via, in place of the question.
    func added(to response: [UInt8]) -> [UInt8] {
        guard let message = try? MessageParser.parse(datagram: response) else { return response }
        var edits = MessageEdits()
        Self.remove(from: message.topVia, in: response, edits: &edits)
        edits.insert(at: message.topVia.range.upperBound) { write(into: &$0) }
        return edits.applied(to: response)
    }

    private func write(into text: inout [UInt8]) {
        text.append(contentsOf: ";oc=".utf8)
        text.appendDecimal(share)
        text.append(contentsOf: ";oc-algo=\"loss\";oc-validity=".utf8)
        text.appendDecimal(UInt64(clamping: validity.nanoseconds / 1_000_000))
        guard let number else { return }
        text.append(contentsOf: ";oc-seq=".utf8)
        text.appendDecimal(number / 100_000 % 1_000_000_000_000)
        text.append(UInt8(ascii: "."))
        var scale: UInt64 = 10_000
        while scale > 0 {
            text.appendDecimal(Int(number / scale % 10))
            scale /= 10
        }
    }

    // MARK: Hop by hop

    /// Takes all parameters of overload control off a Via: they are for the next hop alone (RFC 7339 §5.6).
    static func remove(from via: Via, in bytes: [UInt8], edits: inout MessageEdits) {
        for parameter in via.parameters.all(in: bytes)
        where names.contains(where: { bytes.equals(parameter.name, ignoringCase: $0) }) {
            edits.remove(parameter.whole)
        }
    }

    private static let names: [StaticString] = ["oc", "oc-algo", "oc-validity", "oc-seq"]

    /// Takes them off the Vias below ours in a response: a server further down has nothing to say to who asked us
    /// (RFC 7339 §5.4).
    static func removeBelowTop(of response: Message, edits: inout MessageEdits) {
        let bytes = response.bytes
        guard response.headers.contains(where: { $0.name == .via && mayBeNamed(in: $0.value, of: bytes) }) else {
            return
        }
        for range in response.values(.via).dropFirst() {
            guard let via = Via(range, in: bytes) else { continue }
            remove(from: via, in: bytes, edits: &edits)
        }
    }

    /// Whether ";oc" may stand in it: most Vias have none, and every one that passes is looked at.
    static func mayBeNamed(in range: Range<Int>, of bytes: [UInt8]) -> Bool {
        let octets = bytes.span
        var index = range.lowerBound
        while index + 2 < range.upperBound {
            if octets[index] == UInt8(ascii: ";") {
                let next = octets[index + 1]
                if next <= 0x20 || next | 0x20 == UInt8(ascii: "o") { return true }
            }
            index += 1
        }
        return false
    }
}
