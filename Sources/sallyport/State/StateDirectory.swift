import Glibc

/// The directory that outlives the process (`state` in the configuration): the token keys, and journals.
///
/// Two processes may have it open for a while, when one takes over from the other. The first holds the lock and alone
/// compacts journals; the second only appends.
final class StateDirectory: Sendable {
    let path: String
    /// Whether this process opened the directory first.
    let isOwner: Bool
    private let lockFile: File

    /// Opens the directory, and makes it where there is none.
    init(path: String) throws(StateError) {
        self.path = path
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw .system("mkdir", path) }
        let directory = try File(path, O_RDONLY | O_DIRECTORY)
        guard try directory.permissions & 0o022 == 0 else {
            throw StateError(path, "others than its owner may write there: chmod 700 \(path)")
        }
        lockFile = try File(path + "/lock", O_RDWR | O_CREAT)
        isOwner = lockFile.lock()
    }

    /// The keys of tokens, from `token.key`.
    func tokenKeys() throws(StateError) -> TokenKeyFile.Keys { try TokenKeyFile.keys(at: path + "/token.key") }

    /// The originals that are too long for a token, from `tokens.journal`.
    func tokenStore() throws(StateError) -> DurableTokenStore {
        try DurableTokenStore(path: path + "/tokens.journal", isOwner: isOwner)
    }

    /// The journal `name.journal`; hands over every record that it holds.
    func journal(_ name: String, replay: ([UInt8]) -> Void) throws(StateError) -> Journal {
        try Journal(path: path + "/\(name).journal", isOwner: isOwner, replay: replay)
    }
}
