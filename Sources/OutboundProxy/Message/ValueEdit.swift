import SIP

/// What becomes of one value of a field that is a list.
enum ValueEdit {
    case keep
    case drop
    case replace([UInt8])
}

extension MessageEdits {
    /// Records the edits of the values of a field; a line of which nothing is left goes.
    mutating func rewriteValues(
        _ name: HeaderName, of message: Message, _ edit: (Range<Int>) -> ValueEdit
    ) {
        for field in message.headers where field.name == name {
            var isChanged = false
            var kept: [ArraySlice<UInt8>] = []
            for value in message.bytes.listValues(field) {
                switch edit(value) {
                case .keep: kept.append(message.bytes[value])
                case .drop: isChanged = true
                case .replace(let text):
                    isChanged = true
                    kept.append(text[...])
                }
            }
            guard isChanged else { continue }
            if kept.isEmpty {
                remove(field.line)
            } else {
                replace(field.value, with: Array(kept.joined(separator: ", ".utf8)))
            }
        }
    }
}
