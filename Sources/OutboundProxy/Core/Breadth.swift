import NetworkTypes
import SIP

/// How many branches a request may have at once, everywhere together (RFC 5393 §5).
///
/// We go to one target after the other. Only one that is silent is left for the next with its branch still open, and so
/// only a request with several targets has its Max-Breadth divided.
enum Breadth {
    /// What a request without one counts as, and the most that is let pass.
    static let usual: UInt8 = 60

    /// How many may be silent at once: more don't fit into the time that a transaction has.
    static let mostSilent = 8

    static func incoming(_ request: Message) -> UInt8 { named(request.header(.maxBreadth), in: request.bytes) }

    /// What the field says, as far as that is allowed.
    static func named(_ field: HeaderField?, in bytes: [UInt8]) -> UInt8 {
        guard let field, let value = bytes.decimal(field.value, as: UInt64.self) else { return usual }
        return UInt8(clamping: min(value, UInt64(usual)))
    }
}

extension ProxyCore {
    /// What is left for another branch while those that are open have theirs.
    func breadth(of server: ServerTransaction) -> Int {
        guard let failover = server.failover else { return Int(Breadth.usual) }
        return Int(failover.breadth) - server.branches.reduce(0) { $0 + ($1.isOpen ? Int($1.breadth) : 0) }
    }

    /// The next branch's share: all that is left for the last target, else so much that the others can be tried, too,
    /// while this one is silent.
    func shareOfBreadth(in server: ServerTransaction) -> UInt8 {
        let left = max(1, breadth(of: server))
        let others = server.failover.map { $0.targets.count + $0.alternatives.count } ?? 0
        return UInt8(clamping: max(1, left / (1 + min(others, Breadth.mostSilent))))
    }
}

extension ClientTransaction {
    /// Whether a final response may still come.
    fileprivate var isOpen: Bool {
        guard isAbandoned || !isDone else { return false }
        switch machine {
        case .invite(let machine): return machine.state == .calling || machine.state == .proceeding
        case .nonInvite(let machine): return machine.state == .trying || machine.state == .proceeding
        }
    }
}
