import NetworkTypes

/// The ladder of a run, for whoever has to find out why a seed failed.
final class Trace {
    private(set) var lines: [String] = []

    func note(_ text: String, at now: Instant) { lines.append("\(Self.time(now))  \(text)") }

    func message(_ bytes: [UInt8], from: String, to: String, _ fate: Network.Fate, at now: Instant) {
        let what = (try? SIPText(bytes)).map(Self.summary) ?? "?"
        let mark = fate == .arrives ? "" : fate == .lost ? "   ✗ lost" : "   ✗ parted"
        lines.append("\(Self.time(now))  \(from) → \(to)  \(what)\(mark)")
    }

    func arrival(_ message: SIPText, in place: String = "edge", at now: Instant) {
        lines.append("\(Self.time(now))      … \(place)  \(Self.summary(message))")
    }

    private static func summary(_ message: SIPText) -> String {
        let body = message.body.isEmpty ? "" : " +SDP"
        let tag = message.toTag.map { " to \($0)" } ?? ""
        return "\(message.kind) \(message.callID) \(message.cSeq) \(message.branch)\(tag)\(body)"
            + (message.isRequest ? "  \(message.uri)" : "")
    }

    private static func time(_ now: Instant) -> String {
        String(repeating: " ", count: max(0, 12 - now.text.count)) + now.text
    }
}
