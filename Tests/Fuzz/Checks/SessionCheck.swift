import NetworkTypes
import SDP

/// What must hold for any octets that are read as a session description.
public enum SessionCheck {
    public static func run(_ bytes: [UInt8]) {
        guard let session = try? SessionDescription(bytes) else { return }
        precondition(SDPWriter(session).finish() == bytes, "no changes, no difference")
        let changed = rewritten(session)
        guard let copy = try? SessionDescription(changed) else { preconditionFailure("what was rewritten can be read") }
        precondition(copy.media.count == session.media.count, "no media description is lost")
        precondition(copy.media.allSatisfy { $0.port == 40_000 }, "ports are replaced")
        for (own, other) in zip(session.media, copy.media) {
            precondition(own.crypto.count <= SessionDescription.maximumCryptoLines, "crypto lines are bounded")
            // Our lines have no master key identifier.
            let keys = own.crypto.map { ($0.tag, $0.keys.suite, $0.keys.key, $0.keys.salt) }
            let read = other.crypto.map { ($0.tag, $0.keys.suite, $0.keys.key, $0.keys.salt) }
            precondition(keys.elementsEqual(read, by: ==), "crypto lines are written as they were read")
        }
    }

    private static func rewritten(_ session: SessionDescription) -> [UInt8] {
        var writer = SDPWriter(session)
        for field in session.fields {
            if case .media(let index) = field, index > 0 {
                writer.insert(session.media[index - 1].crypto, at: session.media[index - 1].end)
            }
            switch field {
            case .origin(let range): writer.replace(range, with: IPAddress(v4: 0xcb00_7101))
            case .connection(let connection): writer.replace(connection.range, with: IPAddress(v6High: 1, low: 1))
            case .media(let index): writer.replace(session.media[index].portRange, with: 40_000)
            case .attribute(let attribute): writer.remove(attribute.line)
            }
        }
        if let last = session.media.last { writer.insert(last.crypto, at: last.end) }
        return writer.finish()
    }
}
