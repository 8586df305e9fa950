import NetworkTypes
import TLS

/// What a new connection to a server may begin with: the session of the last one to the same address under the same name.
struct TLSSessionCache {
    private var sessions: [Flow: TLSSession] = [:]
    private static let capacity = 1024

    subscript(server: Flow) -> TLSSession? { sessions[server] }

    mutating func keep(_ session: TLSSession?, of flow: Flow) {
        guard let session else { return }
        if sessions.count >= Self.capacity { sessions.removeAll() }
        sessions[flow.withoutConnection] = session
    }
}
