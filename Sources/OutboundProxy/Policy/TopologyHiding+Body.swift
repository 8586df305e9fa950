import NetworkTypes
import SIP

// Bodies that tell what goes on inside: a message summary names the account (RFC 3842 §5.2), dialog and presence
// documents name hosts. Session descriptions are anchored, and what people write to each other is theirs.

extension TopologyHiding {
    /// The body of a NOTIFY or PUBLISH with the outside's host for each inside address; nil where there is none.
    func hiddenBody(of message: Message, as listener: Listener, _ settings: HidingSettings) -> [UInt8]? {
        guard message.method == .notify || message.method == .publish, !message.body.isEmpty, !message.hasSDP,
            tells(message.bytes[message.body])
        else { return nil }
        let host = host(settings, listener)
        var edits = MessageEdits()
        var isFound = false
        var index = message.body.lowerBound
        while index < message.body.upperBound {
            guard let range = address(at: index, in: message.bytes, before: message.body.upperBound) else {
                index += 1
                continue
            }
            edits.replace(range, with: host)
            isFound = true
            index = range.upperBound
        }
        return isFound ? edits.applied(to: message.bytes, in: message.body) : nil
    }

    /// An inside address that starts there and stands for itself: between what no address could have.
    private func address(at start: Int, in bytes: [UInt8], before limit: Int) -> Range<Int>? {
        var end = start
        if bytes[start] == UInt8(ascii: "[") {
            end = bytes[start..<limit].firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 } ?? start
        } else if bytes[start].isDigit, start == 0 || !Self.mayGoOn(bytes[start - 1]) {
            end = bytes[start..<limit].firstIndex { !$0.isDigit && $0 != UInt8(ascii: ".") } ?? limit
            // A full stop after it is none of it.
            if end > start, bytes[end - 1] == UInt8(ascii: ".") { end -= 1 }
        }
        guard end > start, end - start < 50, let ip = IPAddress(text: bytes[start..<end]), isInside(ip) else {
            return nil
        }
        return start..<end
    }

    private static func mayGoOn(_ octet: UInt8) -> Bool { octet.isAlphanumeric || octet == UInt8(ascii: ".") }
}
