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
    }

    private static func rewritten(_ session: SessionDescription) -> [UInt8] {
        var writer = SDPWriter(session)
        for field in session.fields {
            switch field {
            case .origin(let range): writer.replace(range, with: IPAddress(v4: 0xcb00_7101))
            case .connection(let connection): writer.replace(connection.range, with: IPAddress(v6High: 1, low: 1))
            case .media(let index): writer.replace(session.media[index].portRange, with: 40_000)
            case .attribute(let attribute): writer.remove(attribute.line)
            }
        }
        return writer.finish()
    }
}
