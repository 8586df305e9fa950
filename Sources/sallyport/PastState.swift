import Config
import Glibc
import MediaRelay
import NetworkTypes
import OutboundProxy
import Reactor
import TLS

/// What a process that ran has left in `state`, read without touching it: the token keys, and the registrations that
/// are still alive. What is not there, or not readable, is left out.
struct PastState {
    let now: Instant
    private let keys: TokenKeyFile.Keys
    private let bindings: [DirectoryUpdate]

    init(of configuration: Configuration, at now: Instant = Instant(nanoseconds: 1_000_000_000)) {
        self.now = now
        let folder = configuration.state
        let file = try? File(folder + "/token.key", O_RDONLY).contents(limit: 65_536)
        let written = file.flatMap { try? TokenKeyFile.parse(String(decoding: $0, as: UTF8.self), path: folder) }
        keys = written ?? TokenKeyFile.Keys(current: DeterministicCipher.Key(randomWithID: 1), previous: nil)
        bindings =
            RegistrationJournal.read(folder + "/registrations.journal", now: now).map(DirectoryUpdate.bind)
            + PhoneJournal.read(folder + "/phones.journal", now: now).map(DirectoryUpdate.phone)
    }

    /// A core that knows them, and whose media takes no ports.
    func core(_ settings: ProxySettings, _ configuration: Configuration) -> ProxyCore {
        let anchor = MediaAnchor(settings: configuration.relaySettings, binder: PretendedPorts())
        let cipher = DeterministicCipher(current: keys.current, previous: keys.previous)
        let core = ProxyCore(
            settings: settings, tokens: TokenCodec(cipher: cipher, store: PassingStore()), media: MediaAdapter(anchor),
            hash: .random())
        for update in bindings { core.apply(update) }
        _ = core.takeOutputs()
        return core
    }
}

/// Ports that nobody binds: every one is free.
private final class PretendedPorts: PortBinder {
    private var next: Int32 = 0

    func bind(_ address: SocketAddress) -> Int32? {
        next += 1
        return next
    }

    func close(_ descriptor: Int32) {}
}

/// Keeps long originals while one message is looked at.
private final class PassingStore: TokenStore {
    private let kept = Guarded<[TokenHandle: [UInt8]]>([:])

    func keep(_ original: [UInt8], under handle: TokenHandle) { kept.withLock { $0[handle] = original } }
    func original(under handle: TokenHandle) -> [UInt8]? { kept.withLock { $0[handle] } }
}
