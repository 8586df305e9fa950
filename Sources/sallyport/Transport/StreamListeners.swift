import Logging
import NetworkTypes
import OutboundProxy
import Reactor

/// The listeners of one shard as its connections know them: the sockets of those that speak a stream transport, and what
/// a connection that is opened from each is bound with.
final class StreamListeners {
    /// How often no connection could be taken for want of descriptors.
    var pauses: UInt64 { sockets.reduce(0) { $0 + $1.pauses } }

    private let listeners: [Listener]
    /// By the listener's index.
    private var options: [TCPOptions]
    private var sockets: [TCPListener] = []

    init(_ listeners: [Listener], _ options: TCPOptions) {
        self.listeners = listeners
        self.options = listeners.map { _ in options }
    }

    /// Where connections to a flow's peer begin; nil for what is no listener of streams.
    subscript(id: ListenerID) -> (listener: Listener, options: TCPOptions)? {
        let index = Int(id.index)
        guard listeners.indices.contains(index), listeners[index].transport.isReliable else { return nil }
        return (listeners[index], options[index])
    }

    /// Listens from now on, on all that are open to others.
    func open(
        on loop: EventLoop, devices: [String?], logger: Logger,
        accept: @escaping (AcceptedConnection, Listener) -> Void
    ) throws(SystemError) {
        for (index, (listener, device)) in zip(listeners, devices).enumerated() {
            options[index].device = device
            guard listener.transport.isReliable, listener.isOpen else { continue }
            sockets.append(try socket(index, on: loop, logger) { accept($0, listener) })
        }
    }

    /// A socket tied to the side's interface (security 26), or to none where the system does not allow that.
    private func socket(
        _ index: Int, on loop: EventLoop, _ logger: Logger, _ accept: @escaping (AcceptedConnection) -> Void
    ) throws(SystemError) -> TCPListener {
        let listener = listeners[index]
        do {
            return try TCPListener(binding: listener.local, options: options[index], on: loop, handler: accept)
        } catch {
            guard options[index].device != nil else { throw error }
            logger.warning(
                "a listener can't be tied to its interface",
                metadata: ["listener": "\(listener.local)", "transport": "\(listener.transport)", "error": "\(error)"])
            options[index].device = nil
            return try TCPListener(binding: listener.local, options: options[index], on: loop, handler: accept)
        }
    }
}
