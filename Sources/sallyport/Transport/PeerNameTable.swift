import NetworkTypes
import Reactor

/// The names that TLS servers have had to prove, numbered from 1, for all threads.
final class PeerNameTable: Sendable {
    private struct State: Sendable {
        var numbers: [PeerName: UInt32] = [:]
        var names: [PeerName] = []
    }

    private let state = Guarded(State())
    /// Names come from inside, by what is called; who calls more domains than this over TLS is no PBX.
    private static let most = 65_536

    /// The name's number; nil where there are too many.
    func id(of name: PeerName) -> PeerNameID? {
        state.withLock { state in
            if let number = state.numbers[name] { return PeerNameID(number) }
            guard state.names.count < Self.most else { return nil }
            state.names.append(name)
            let number = UInt32(truncatingIfNeeded: state.names.count)
            state.numbers[name] = number
            return PeerNameID(number)
        }
    }

    subscript(id: PeerNameID) -> PeerName? {
        state.withLock { state in
            id == .none || id.number > state.names.count ? nil : state.names[Int(id.number) - 1]
        }
    }
}
