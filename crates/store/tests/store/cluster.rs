use counterfoil_core::{GenesisHash, ProgramId};
use counterfoil_store::{Cluster, StoreError, WrongCluster, bind_cluster, load_cluster, migrate};

use crate::database::{Database, LEDGER};
use crate::history::History;

const BOUND: Cluster = Cluster { genesis_hash: GenesisHash([3; 32]), program: ProgramId([4; 32]) };

#[tokio::test]
async fn an_index_belongs_to_one_cluster_and_program() {
    let database = Database::open().await;
    let mut connection = database.pool.acquire().await.unwrap();
    assert_eq!(load_cluster(&mut connection).await.unwrap(), None);
    bind_cluster(&mut connection, BOUND).await.unwrap();
    bind_cluster(&mut connection, BOUND).await.unwrap();
    for found in [
        Cluster { genesis_hash: GenesisHash([5; 32]), ..BOUND },
        Cluster { program: ProgramId([5; 32]), ..BOUND },
        Cluster { genesis_hash: GenesisHash(BOUND.program.0), program: ProgramId(BOUND.genesis_hash.0) },
    ] {
        let error = bind_cluster(&mut connection, found).await.unwrap_err();
        let StoreError::WrongCluster(wrong) = error else { panic!("{error:?}") };
        assert_eq!(*wrong, WrongCluster { bound: BOUND, found });
    }
    assert_eq!(load_cluster(&mut connection).await.unwrap(), Some(BOUND));
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let database = Database::open().await;
    database.commit(LEDGER, &History::create(LEDGER).take()).await.unwrap();
    let before = database.rows().await;
    migrate(&database.pool).await.unwrap();
    assert_eq!(database.rows().await, before);
}
