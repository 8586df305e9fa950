import SIP

/// What must hold for any datagram that the message layer reads. Whatever doesn't is a trap, which a fuzzer finds and
/// the replay of `Tests/Fuzz/Corpus` repeats.
public enum MessageCheck {
    public static func run(_ bytes: [UInt8]) {
        let scanned = CallIDScanner.callID(in: bytes)
        guard let message = try? MessageParser.parse(datagram: bytes) else { return }
        precondition(message.body.upperBound <= bytes.count, "the body lies within the datagram")
        precondition(message.headers.count <= MessageParser.maximumHeaders, "fields are limited")
        if message.defect == nil { precondition(scanned == message.callID, "the shard is that of the Call-ID") }
        checkFields(of: message)
        _ = (TransactionKey(serverOf: message), TransactionKey(clientOf: message))
        checkEdits(of: message)
        checkBody(of: message)
    }

    private static func checkFields(of message: Message) {
        var end = 0
        for field in message.headers {
            precondition(field.line.lowerBound >= end, "fields are in order")
            precondition(field.nameRange.lowerBound >= field.line.lowerBound, "a name is in its line")
            precondition(field.value.lowerBound >= field.nameRange.upperBound, "a value follows its name")
            precondition(field.value.upperBound <= field.line.upperBound, "a value is in its line")
            end = field.line.upperBound
            var values: [Range<Int>] = []
            FieldValues.append(field.value, of: message.bytes, to: &values)
            for value in values { FieldCheck.run(value, in: message.bytes) }
        }
        _ = (message.hasSDP, message.lists("path", in: .supported))
    }

    /// A session description is within the body, and so is what is left without it.
    private static func checkBody(of message: Message) {
        guard message.defect == nil, let body = try? message.sessionBody() else { return }
        let rest = body.withoutDescription(in: message.bytes)
        precondition(rest.count < message.body.count, "what is left is less")
        guard let description = body.description else { return }
        precondition(description.clamped(to: message.body) == description, "the description lies within the body")
        let same = body.replacing(with: Array(message.bytes[description]), in: message.bytes)
        precondition(same.count <= message.body.count + 64, "nothing grows by itself")
    }

    /// A message of which nothing is touched leaves as it came; one that loses a field is read with one less.
    private static func checkEdits(of message: Message) {
        precondition(MessageEdits().applied(to: message.bytes) == message.bytes, "no edits, no change")
        guard message.defect == nil, let field = message.headers.first(where: { $0.name == .other }) else { return }
        var edits = MessageEdits()
        edits.truncate(at: message.body.upperBound)
        edits.remove(field.line)
        let copy = try? MessageParser.parse(datagram: edits.applied(to: message.bytes))
        guard let copy else { preconditionFailure("a sound message without one field is a message") }
        precondition(copy.defect == nil && copy.headers.count == message.headers.count - 1, "one field less")
        precondition(copy.bytes[copy.callID] == message.bytes[message.callID], "the others stay")
        precondition(copy.bytes[copy.body] == message.bytes[message.body], "the body stays")
    }
}
