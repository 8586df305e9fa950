import Foundation
import NetworkTypes
import Synchronization

/// A server on a host: a thread that answers what comes to its socket, for as long as this object lives.
final class DatagramService: Sendable {
    private let serving: Serving

    init(
        at address: SocketAddress, on host: NetworkNamespace, answer: @escaping @Sendable ([UInt8]) -> [UInt8]?
    ) throws {
        let serving = Serving(try host.run { try LoopbackPeer(at: address) }, answer)
        self.serving = serving
        Thread.detachNewThread { serving.run() }
    }

    deinit { serving.isOver.store(true, ordering: .relaxed) }
}

/// What the thread works on.
private final class Serving: @unchecked Sendable {
    // Sendable: only the thread touches the socket, once it runs.
    private let peer: LoopbackPeer
    private let answer: @Sendable ([UInt8]) -> [UInt8]?
    let isOver = Atomic(false)

    init(_ peer: LoopbackPeer, _ answer: @escaping @Sendable ([UInt8]) -> [UInt8]?) {
        (self.peer, self.answer) = (peer, answer)
    }

    func run() {
        while !isOver.load(ordering: .relaxed) {
            guard let (packet, source) = peer.receive(within: 100), let source, let reply = answer(packet) else {
                continue
            }
            peer.send(reply, to: source)
        }
    }
}
